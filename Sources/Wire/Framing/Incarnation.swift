/// Sixteen random bytes that name one run of a process.
///
/// A restarted process has another incarnation, so nobody takes it for the one before.
public struct Incarnation: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Sixteen bytes.
    public let bytes: [UInt8]

    /// A new one.
    public static func random() -> Incarnation {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    /// A new one from a generator of the caller.
    public static func random(using generator: inout some RandomNumberGenerator) -> Incarnation {
        Incarnation(unchecked: (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// - Returns: nil unless there are sixteen bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    public static func < (a: Incarnation, b: Incarnation) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

    /// The first four bytes, hexadecimal: enough to tell runs apart in a log.
    public var description: String { hexadecimal(bytes.prefix(4)) }
}

/// A SHA-256 over the tensors of one expert.
public struct ExpertDigest: Sendable, Hashable, CustomStringConvertible {
    /// Thirty-two bytes.
    public let bytes: [UInt8]

    /// - Returns: nil unless there are thirty-two bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// The first eight digits of the hexadecimal form.
    public var description: String { hexadecimal(bytes.prefix(4)) }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
