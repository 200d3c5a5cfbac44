import Crypto

/// A SHA-256 digest.
public struct CheckpointDigest: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The 32 bytes.
    public let bytes: [UInt8]

    /// Number of bytes.
    public static let byteCount = 32

    /// Adopts 32 bytes, for example from the wire; nil for any other number.
    public init?(bytes: [UInt8]) {
        guard bytes.count == CheckpointDigest.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Reads 64 lower-case hexadecimal digits.
    public init?(hex: String) {
        let digits = hex.utf8.map { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            default: nil
            }
        }
        let known = digits.compactMap { $0 }
        guard known.count == digits.count, known.count == 2 * CheckpointDigest.byteCount else { return nil }
        bytes = (0..<CheckpointDigest.byteCount).map { known[2 * $0] << 4 | known[2 * $0 + 1] }
    }

    /// 64 lower-case hexadecimal digits.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The order of the bytes.
    public static func < (left: CheckpointDigest, right: CheckpointDigest) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

/// Feeds a SHA-256 with fields that cannot be confused: every text goes in with its length before it, every number as eight
/// little-endian bytes, and the first field says what is digested.
struct DigestBuilder {
    private var hash = SHA256()

    /// - Parameter domain: what is digested, with a version; different domains never give equal digests.
    init(_ domain: String) { add(domain) }

    /// A hash of bare bytes, without a domain.
    init() {}

    mutating func add(_ number: Int) {
        withUnsafeBytes(of: UInt64(truncatingIfNeeded: number).littleEndian) { hash.update(bufferPointer: $0) }
    }

    mutating func add(_ text: String) {
        let bytes = Array(text.utf8)
        add(bytes.count)
        add(bare: bytes)
    }

    mutating func add(_ digest: CheckpointDigest) { add(bare: digest.bytes) }

    mutating func add(bare bytes: [UInt8]) { bytes.withUnsafeBytes { hash.update(bufferPointer: $0) } }

    mutating func add(bare bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

    var digest: CheckpointDigest { CheckpointDigest(adopting: Array(hash.finalize())) }
}

extension CheckpointDigest {
    fileprivate init(adopting bytes: [UInt8]) { self.bytes = bytes }
}
