/// `SplitPattern.cl100k` and `SplitPattern.arcade100k`.
enum CL100kScanner {
    /// The end of the piece that starts at an offset before the end of the text.
    static func end(of text: UTF8Text, from start: Int, mostDigits: Int) -> Int {
        let first = text.bytes[start]
        if first == UInt8(ascii: "'"), let end = contraction(text, start) { return end }
        let (kind, length) = text.scalarClass(at: start)
        let position = start + length

        // [^\r\n\p{L}\p{N}]?\p{L}+
        if kind.contains(.letter) { return text.endOfRun(from: position, of: .letter) }
        if kind.contains(.number) { return endOfNumber(text, from: position, more: mostDigits - 1) }
        let lineBreak = isLineBreak(first)
        if !lineBreak, position < text.count {
            let (following, followingLength) = text.scalarClass(at: position)
            if following.contains(.letter) {
                return text.endOfRun(from: position + followingLength, of: .letter)
            }
            // ` ?[^\s\p{L}\p{N}]+[\r\n]*` with its blank.
            if first == UInt8(ascii: " "), isOther(following) {
                return endOfOther(text, from: position + followingLength)
            }
        }
        if isOther(kind) { return endOfOther(text, from: position) }

        // \s*[\r\n]+ ends after the last line break of the run of white space.
        let end = text.endOfRun(from: start, of: .whiteSpace)
        var last = end
        while last > start, !isLineBreak(text.bytes[last - 1]) { last -= 1 }
        if last > start { return last }
        guard end < text.count else { return end }
        let lastScalar = text.startOfScalar(before: end)
        return lastScalar > start ? lastScalar : end
    }

    private static func isOther(_ kind: ScalarClass) -> Bool {
        kind.isDisjoint(with: [.letter, .number, .whiteSpace])
    }

    private static func isLineBreak(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

    private static func endOfOther(_ text: UTF8Text, from start: Int) -> Int {
        var end = text.endOfRun(from: start, outside: [.letter, .number, .whiteSpace])
        while end < text.count, isLineBreak(text.bytes[end]) { end += 1 }
        return end
    }

    private static func endOfNumber(_ text: UTF8Text, from start: Int, more: Int) -> Int {
        var end = start
        for _ in 0..<more {
            guard end < text.count else { break }
            let (kind, length) = text.scalarClass(at: end)
            guard kind.contains(.number) else { break }
            end += length
        }
        return end
    }

    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`; without regard to case, `s` is also U+017F, the long s (bytes C5 BF).
    private static func contraction(_ text: UTF8Text, _ start: Int) -> Int? {
        guard start + 1 < text.count else { return nil }
        let first = text.bytes[start + 1]
        switch first | 0x20 {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        default: break
        }
        guard start + 2 < text.count else { return nil }
        let second = text.bytes[start + 2]
        if first == 0xC5, second == 0xBF { return start + 3 }
        switch (first | 0x20, second | 0x20) {
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: return nil
        }
    }
}
