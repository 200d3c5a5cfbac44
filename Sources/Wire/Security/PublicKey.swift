/// The public half of a CURVE key: who somebody is on a link.
public struct PublicKey: Sendable, Hashable, CustomStringConvertible {
    /// Thirty-two bytes.
    public let bytes: [UInt8]

    /// Bytes of a key, public or secret.
    public static let byteCount = 32

    /// - Returns: nil unless there are thirty-two bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// - Returns: nil unless `digits` are sixty-four hexadecimal digits.
    public init?(hexadecimal digits: some Collection<UInt8>) {
        guard digits.count == 2 * Self.byteCount else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            guard let value = Self.value(ofDigit: digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        self.bytes = bytes
    }

    /// Sixty-four digits.
    public var hexadecimalDigits: String { hexadecimal(bytes) }

    /// The first eight digits: enough to tell keys apart in a log.
    public var description: String { hexadecimal(bytes.prefix(4)) }

    static func value(ofDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
