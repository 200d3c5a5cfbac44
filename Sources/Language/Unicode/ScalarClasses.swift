/// What a split pattern may ask about a code point.
struct ScalarClass: OptionSet {
    let rawValue: UInt8

    /// `\p{L}`.
    static let letter = ScalarClass(rawValue: 1)
    /// `\p{N}`.
    static let number = ScalarClass(rawValue: 2)
    /// `\s`.
    static let whiteSpace = ScalarClass(rawValue: 4)
    /// `\w`.
    static let word = ScalarClass(rawValue: 8)
    /// What the `Digits` pre-tokeniser takes for a digit.
    static let digit = ScalarClass(rawValue: 16)
}

/// The class of every code point, as a two-level table: one page per 256 code points, equal pages stored once.
struct ScalarClasses: Sendable {
    private let pageStarts: [UInt32]
    private let classes: [UInt8]

    /// The classes of `UnicodeClassRanges`, built once per process.
    static let unicode16 = ScalarClasses()

    private init() {
        var flat = [UInt8](repeating: 0, count: 0x110000)
        func mark(_ ranges: [UInt32], adding: ScalarClass, removing: ScalarClass = []) {
            for index in stride(from: 0, to: ranges.count - 1, by: 2) {
                for code in Int(ranges[index])...Int(ranges[index + 1]) {
                    flat[code] = (flat[code] | adding.rawValue) & ~removing.rawValue
                }
            }
        }
        mark(UnicodeClassRanges.letters, adding: [.letter, .word])
        mark(UnicodeClassRanges.numbers, adding: [.number, .word, .digit])
        mark(UnicodeClassRanges.laterNumbers, adding: .digit)
        mark(UnicodeClassRanges.whiteSpace, adding: .whiteSpace)
        mark(UnicodeClassRanges.otherWordCharacters, adding: .word)
        mark(UnicodeClassRanges.numbersOutsideWords, adding: [], removing: .word)

        var starts: [UInt32] = []
        var stored: [UInt8] = []
        var known: [[UInt8]: UInt32] = [:]
        for page in 0..<(0x110000 / 256) {
            let content = Array(flat[(page * 256)..<(page * 256 + 256)])
            if let start = known[content] {
                starts.append(start)
            } else {
                let start = UInt32(stored.count)
                known[content] = start
                starts.append(start)
                stored += content
            }
        }
        pageStarts = starts
        classes = stored
    }

    /// The class of a code point below 0x110000.
    @inline(__always)
    subscript(code: UInt32) -> ScalarClass {
        ScalarClass(rawValue: classes[Int(pageStarts[Int(code >> 8)]) + Int(code & 0xFF)])
    }
}
