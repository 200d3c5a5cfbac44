import CZeroMQ

/// Why a connection was not let in, or was ended by us.
public enum LinkRefusal: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// The peer does not encrypt, or not as we do.
    case plaintext
    /// What the peer sent was not made with the right keys: it has another key of ours than we have.
    case crypto
    /// A command that does not belong there, or a message that was sent before: replayed, or out of order.
    case sequence
    /// The peer has a key, but not one that may in.
    case unauthorized
    /// The peer's key was taken off the list while it was connected.
    case revoked
    /// After the handshake: a frame beyond the limit, or something that is no message at all. libzmq hung up.
    case violation
    /// The handshake was not finished in time.
    case timeout
    /// The peer hung up in the middle of the handshake: perhaps because it saw that it cannot encrypt as this port does.
    case hangup
    /// The peer does not speak ZMTP at all.
    case foreign

    /// How counters call it.
    public var counter: String { "links_refused_\(rawValue)" }

    public var description: String {
        switch self {
        case .plaintext: "it does not encrypt as this port does (it has no key, or this port has none)"
        case .crypto: "what it sent was not made with this port's key: it knows another public key of ours, or bytes were changed or replayed"
        case .sequence: "what it sent does not belong there: replayed, or out of order"
        case .unauthorized: "its key is not authorised here"
        case .revoked: "its key is not authorised any more"
        case .violation: "it sent a frame beyond this port's limit, or something that is no message"
        case .timeout: "it did not finish the handshake within \(LinkLimits.handshake)"
        case .hangup: "it hung up during the handshake"
        case .foreign: "it does not speak ZMTP"
        }
    }

    /// What a broken protocol means.
    ///
    /// - Parameter code: one of ZMQ_PROTOCOL_ERROR_….
    init(protocolError code: Int32) {
        switch code {
        case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: self = .plaintext
        case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC, ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE: self = .crypto
        default: self = .sequence
        }
    }
}

/// Links of one port, or of a coordinator.
public struct LinkCounters: Sendable, Hashable {
    /// Connections now, those in the handshake included.
    public var open = 0
    /// Connections that were refused, by reason; messages of revoked keys.
    public var refused: [LinkRefusal: UInt64] = [:]
    /// How often the port stopped listening because it had enough connections.
    public var full: UInt64 = 0

    public init() {}

    public static func + (a: LinkCounters, b: LinkCounters) -> LinkCounters {
        var sum = a
        sum.open += b.open
        sum.full += b.full
        sum.refused.merge(b.refused, uniquingKeysWith: +)
        return sum
    }

    /// By name, for reports.
    public var named: [String: UInt64] {
        var names = ["links_open": UInt64(clamping: open), "links_port_full": full]
        for kind in LinkRefusal.allCases { names[kind.counter] = refused[kind] ?? 0 }
        return names
    }
}
