/// Turns bytes into valid UTF-8, one byte at a time, as Rust's `String::from_utf8_lossy` and Python's `errors="replace"` do:
/// every maximal part that cannot belong to a character becomes one U+FFFD (Unicode Standard, section 3.9, "substitution of maximal subparts").
///
/// At any moment at most three bytes are held back: the beginning of a character that may still be completed.
struct LossyUTF8: Sendable {
    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    private var pending: [UInt8] = []
    private var missing = 0
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Takes one byte; appends what has become certain.
    mutating func push(_ byte: UInt8, into output: inout [UInt8]) {
        if missing > 0 {
            if byte >= lowest, byte <= highest {
                pending.append(byte)
                missing -= 1
                (lowest, highest) = (0x80, 0xBF)
                if missing == 0 {
                    output += pending
                    pending.removeAll(keepingCapacity: true)
                }
                return
            }
            finish(into: &output)
        }
        start(byte, into: &output)
    }

    /// The end of the bytes: an incomplete character becomes U+FFFD.
    mutating func finish(into output: inout [UInt8]) {
        if missing > 0 { output += Self.replacement }
        pending.removeAll(keepingCapacity: true)
        missing = 0
        (lowest, highest) = (0x80, 0xBF)
    }

    /// The well-formed sequences are those of table 3-7 of the Unicode Standard.
    private mutating func start(_ byte: UInt8, into output: inout [UInt8]) {
        switch byte {
        case 0x00...0x7F:
            output.append(byte)
            return
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, lowest) = (2, 0xA0)
        case 0xE1...0xEC, 0xEE...0xEF: missing = 2
        case 0xED: (missing, highest) = (2, 0x9F)
        case 0xF0: (missing, lowest) = (3, 0x90)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, highest) = (3, 0x8F)
        default:
            output += Self.replacement
            return
        }
        pending.append(byte)
    }
}
