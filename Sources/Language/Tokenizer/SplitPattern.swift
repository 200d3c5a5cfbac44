/// The regular expressions that cut text into pieces before byte-pair encoding, written as scanners.
///
/// Every pattern covers every text without gaps, so a scanner only has to say where the piece ends that starts here.
/// Letters, numbers and white space are those of Unicode 16.0 (see `UnicodeClassRanges`).
enum SplitPattern: Sendable, Hashable {
    /// GPT-2, CodeGen, Phi-2:
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
    case gpt2
    /// arcade100k (StableLM-2): as `cl100k`, but every number character is a piece of its own:
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`.
    case arcade100k
    /// cl100k, with up to three number characters per piece (`\p{N}{1,3}`).
    case cl100k

    /// The spellings of the patterns that are known to occur in `tokenizer.json` files.
    static func named(byRegularExpression expression: String) -> SplitPattern? {
        let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
        let tail = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        let gpt2Tail = #"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
        switch expression {
        case "'s|'t|'re|'ve|'m|'ll|'d" + gpt2Tail, "'(?:[sdmt]|ll|ve|re)" + gpt2Tail: return .gpt2
        case contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + tail: return .arcade100k
        case contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"# + tail: return .cl100k
        default: return nil
        }
    }

    /// Calls `body` with the byte range of every piece, in order.
    func forEachPiece(of text: UTF8Text, _ body: (Range<Int>) -> Void) {
        var start = 0
        while start < text.count {
            let end: Int
            switch self {
            case .gpt2: end = GPT2Scanner.end(of: text, from: start)
            case .arcade100k: end = CL100kScanner.end(of: text, from: start, mostDigits: 1)
            case .cl100k: end = CL100kScanner.end(of: text, from: start, mostDigits: 3)
            }
            body(start..<end)
            start = end
        }
    }
}

/// `SplitPattern.gpt2`.
enum GPT2Scanner {
    /// The end of the piece that starts at an offset before the end of the text.
    static func end(of text: UTF8Text, from start: Int) -> Int {
        let first = text.bytes[start]
        if first == UInt8(ascii: "'"), let end = contraction(text, start) { return end }
        var (kind, length) = text.scalarClass(at: start)
        var position = start + length
        if first == UInt8(ascii: " "), position < text.count {
            // ` ?` takes the blank only if something other than white space follows.
            let (following, followingLength) = text.scalarClass(at: position)
            if !following.contains(.whiteSpace) {
                kind = following
                position += followingLength
            }
        }
        if kind.contains(.letter) { return text.endOfRun(from: position, of: .letter) }
        if kind.contains(.number) { return text.endOfRun(from: position, of: .number) }
        if kind.contains(.whiteSpace) { return WhiteSpaceRun.end(of: text, from: start) }
        return text.endOfRun(from: position, outside: [.letter, .number, .whiteSpace])
    }

    private static func contraction(_ text: UTF8Text, _ start: Int) -> Int? {
        guard start + 1 < text.count else { return nil }
        let first = text.bytes[start + 1]
        switch first {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        default: break
        }
        guard start + 2 < text.count else { return nil }
        switch (first, text.bytes[start + 2]) {
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: return nil
        }
    }
}

/// `\s+(?!\S)|\s+`: white space up to, but without, the last one before something else; a single one is taken as it is.
enum WhiteSpaceRun {
    static func end(of text: UTF8Text, from start: Int) -> Int {
        let end = text.endOfRun(from: start, of: .whiteSpace)
        guard end < text.count else { return end }
        let last = text.startOfScalar(before: end)
        return last > start ? last : end
    }
}
