/// One connection that we dial, and what is known about it. Lives on the I/O thread.
public final class DialledLink {
    /// Why there is no link, as far as this side can tell.
    public enum Failure: Sendable, Hashable {
        /// The other side does not want our key.
        case unauthorized
        /// One side encrypts and the other does not.
        case mismatch(encrypted: Bool)
        /// The other side hung up during the handshake, so many times in a row: on an encrypted link it usually has another key
        /// than we think.
        case hungUp(times: Int, server: String?)
        /// The other side took the connection and then said nothing.
        case silent
        /// The other side answered, but not as the holder of the key that we know.
        case protocolError
    }

    /// What there was to hear.
    public enum News: Sendable, Hashable {
        case established
        case failed(Failure)
    }

    /// To be polled.
    public let sockets: [ZMQSocket]
    /// For messages.
    public let socket: ZMQSocket
    /// Whose key the other side must have; nil on a plaintext link.
    public let server: AuthorizedKey?
    private let monitor: SocketMonitor?
    private var connected = ContinuousClock.now
    private var hangUps = 0

    init(_ context: ZMQContext, _ identity: PeerIdentity, to endpoint: Endpoint, maximumFrame: Int, _ protection: LinkSecurity.Protection)
        throws(SocketError)
    {
        if case .client(_, let server) = protection { self.server = server } else { server = nil }
        socket = try ZMQSocket(context, .dealer(identity), maximumFrame: maximumFrame, protection: protection)
        // Before connecting, so that nothing is missed.
        monitor = endpoint.isTCP ? try SocketMonitor(context, of: socket) : nil
        sockets = [socket] + (monitor.map { [$0.socket] } ?? [])
        try socket.connect(endpoint)
    }

    /// Whether the socket is the one that tells news.
    public func tellsNews(_ socket: ZMQSocket) -> Bool { monitor?.socket === socket }

    /// The next piece of news, without waiting.
    public func news() -> News? {
        while let event = monitor?.next() {
            switch event {
            case .handshakeSucceeded:
                hangUps = 0
                return .established
            case .keyRefused: return .failed(.unauthorized)
            case .protocolFailed(let code):
                return .failed(LinkRefusal(protocolError: code) == .plaintext ? .mismatch(encrypted: server != nil) : .protocolError)
            case .connected: connected = .now
            case .handshakeFailed:
                // libzmq tells the same of both.
                if connected.duration(to: .now) * 10 > LinkLimits.handshake * 9 { return .failed(.silent) }
                hangUps += 1
                return .failed(.hungUp(times: hangUps, server: server?.name))
            case .listening, .accepted, .acceptFailed, .disconnected, .other: continue
            }
        }
        return nil
    }

    /// Closes.
    ///
    /// - Parameter linger: how long libzmq may go on sending what is on its way.
    public func close(linger: Duration = .zero) {
        monitor?.close()
        socket.close(linger: linger)
    }
}

extension DialledLink.Failure {
    /// What to tell people.
    ///
    /// - Parameters:
    ///   - endpoint: that was dialled.
    ///   - own: our own key; nil on a plaintext link.
    public func explanation(at endpoint: Endpoint, own: AuthorizedKey?) -> String {
        switch self {
        case .unauthorized:
            "the coordinator at \(endpoint) does not accept this key: add the line '\(own?.line ?? "of the .pub file")' to its --authorized-keys file (with a role that fits)"
        case .mismatch(encrypted: true):
            "the coordinator at \(endpoint) does not encrypt links: start it with --key FILE and --authorized-keys FILE"
        case .mismatch(encrypted: false):
            "the coordinator at \(endpoint) wants encrypted links: give --key FILE and --authorized-keys FILE"
        case .hungUp(_, let server?):
            "the coordinator at \(endpoint) hung up during the handshake: it probably has another key than '\(server)' in this side's --authorized-keys file; compare with `medmoe keys show` there"
        case .hungUp(_, nil): "whoever listens at \(endpoint) hung up during the handshake: is it a coordinator?"
        case .silent: "whoever listens at \(endpoint) took the connection, but did not answer within \(LinkLimits.handshake)"
        case .protocolError: "whoever listens at \(endpoint) is no coordinator with the key that this side knows"
        }
    }
}
