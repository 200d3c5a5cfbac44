/// GPT-2's alphabet: every byte written as one printable character, so that tokens of bytes can stand in text files.
///
/// Printable bytes of Latin-1 stand for themselves; the others, in rising order, are U+0100, U+0101 and so on.
enum ByteAlphabet {
    /// The code point that stands for each byte.
    static let codes: [UInt32] = {
        var codes = [UInt32](repeating: 0, count: 256)
        var next: UInt32 = 256
        for byte in 0..<256 {
            switch byte {
            case 33...126, 161...172, 174...255: codes[byte] = UInt32(byte)
            default:
                codes[byte] = next
                next += 1
            }
        }
        return codes
    }()

    /// The byte that each code point below U+0144 stands for.
    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x144)
        for (byte, code) in codes.enumerated() { bytes[Int(code)] = UInt8(byte) }
        return bytes
    }()

    /// The bytes that a token's text stands for, or nil if a character is outside the alphabet.
    static func bytes(of token: String) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(token.utf8.count)
        for scalar in token.unicodeScalars {
            guard scalar.value < 0x144, let byte = bytes[Int(scalar.value)] else { return nil }
            result.append(byte)
        }
        return result
    }
}
