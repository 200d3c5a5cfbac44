/// Understands what a monitor tells about the connections of a listening socket.
///
/// Events in, refusals out; no socket. libzmq names the connection when it begins and when it ends, but not in between: a failure
/// belongs to the connection whose end is told directly after it. After a replayed message libzmq reads nothing more from the
/// connection but keeps it, so that no end is told.
struct LinkWatch {
    /// A connection that ended before its peer had proved anything.
    struct Refused: Hashable {
        let reason: LinkRefusal
        /// Address and port of the peer, where the system told it in time.
        let address: String?
    }

    private struct Connection {
        let since: ContinuousClock.Instant
        let address: String?
        /// Something was received that only a finished handshake allows.
        var isProven: Bool
    }

    private var connections: [Int32: Connection] = [:]
    private var failure: (reason: LinkRefusal, told: ContinuousClock.Instant)?
    /// Longer than libzmq takes from a failure to the end of its connection.
    private static let patience: Duration = .milliseconds(200)
    /// Descriptors whose first message was read before the news that they began.
    private var early: Set<Int32> = []

    /// Connections now, those in the handshake included.
    var open: Int { connections.count }

    /// Takes one event.
    ///
    /// - Parameters:
    ///   - begin: takes hold of a connection, and tells its peer's address.
    ///   - end: lets go of one, and tells whether its peer is still there.
    mutating func take(
        _ event: SocketEvent, now: ContinuousClock.Instant, begin: (Int32) -> String?, end: (Int32) -> Bool
    ) -> Refused? {
        var orphan: Refused?
        if let failure {
            if case .disconnected = event {} else {
                orphan = Refused(reason: failure.reason, address: nil)
                self.failure = nil
            }
        }
        switch event {
        case .accepted(let descriptor):
            let isProven = early.remove(descriptor) != nil
            connections[descriptor] = Connection(since: now, address: begin(descriptor), isProven: isProven)
        case .handshakeFailed:
            failure = (.hangup, now)
        case .protocolFailed(let code): failure = (LinkRefusal(protocolError: code), now)
        case .keyRefused: failure = (.unauthorized, now)
        case .disconnected(let descriptor): return take(endOf: descriptor, peerIsThere: end(descriptor), now: now)
        case .listening, .connected, .acceptFailed, .handshakeSucceeded, .other: break
        }
        return orphan
    }

    /// A failure after which no end was told.
    mutating func settle(now: ContinuousClock.Instant) -> Refused? {
        guard let failure, failure.told + Self.patience <= now else { return nil }
        self.failure = nil
        return Refused(reason: failure.reason, address: nil)
    }

    /// A message came over a connection: its handshake is over.
    mutating func received(from descriptor: Int32) {
        if connections[descriptor] == nil { early.insert(descriptor) } else { connections[descriptor]?.isProven = true }
    }

    private mutating func take(endOf descriptor: Int32, peerIsThere: Bool, now: ContinuousClock.Instant) -> Refused? {
        let connection = connections.removeValue(forKey: descriptor)
        let failure = failure?.reason
        self.failure = nil
        guard let connection else { return failure.map { Refused(reason: $0, address: nil) } }
        let age = connection.since.duration(to: now)
        // libzmq gives the same event to a peer that hangs up and to one whose time is over.
        if failure == .hangup, age * 10 > LinkLimits.handshake * 9 { return Refused(reason: .timeout, address: connection.address) }
        if let failure { return Refused(reason: failure, address: connection.address) }
        // It tells nothing of peers that do not even begin as ZMTP does. Whoever was there for longer had finished the handshake.
        guard !connection.isProven, age < LinkLimits.handshake else {
            return peerIsThere ? Refused(reason: .violation, address: connection.address) : nil
        }
        return Refused(reason: .foreign, address: connection.address)
    }
}
