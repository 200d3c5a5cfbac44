/// Whom a ROUTER socket talks to: the routing id of a connection, 1 to 255 bytes that the peer chose.
public struct PeerIdentity: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The identity of a worker process: 'W' and its incarnation.
    public static func worker(_ incarnation: Incarnation) -> PeerIdentity {
        PeerIdentity([UInt8(ascii: "W")] + incarnation.bytes)
    }

    /// The identity of a client: 'C' and its incarnation.
    public static func client(_ incarnation: Incarnation) -> PeerIdentity {
        PeerIdentity([UInt8(ascii: "C")] + incarnation.bytes)
    }

    public static func < (a: PeerIdentity, b: PeerIdentity) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

    /// Enough to tell peers apart in a log.
    public var description: String { hexadecimal(bytes.prefix(5)) }
}
