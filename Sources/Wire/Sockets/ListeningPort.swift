import CWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where peers connect: one or several addresses, encrypted or not, that look like one ROUTER.
///
/// Encryption is a property of a ZeroMQ socket, so socket files and TCP ports are sockets of their own. Lives on the I/O thread.
public final class ListeningPort {
    /// What a port is like.
    public struct Configuration: Sendable {
        public var endpoints: [Endpoint]
        /// Who may use it.
        public var role: KeyRole
        /// Bytes of one frame; who sends more is disconnected.
        public var maximumFrame: Int
        /// Messages that wait per peer, going out and coming in.
        public var queues: (out: Int, in: Int)
        /// TCP connections at the same time; with so many it stops listening until one is gone.
        public var mostConnections: Int

        public init(endpoints: [Endpoint], role: KeyRole, maximumFrame: Int, queues: (out: Int, in: Int), mostConnections: Int) {
            self.endpoints = endpoints
            self.role = role
            self.maximumFrame = maximumFrame
            self.queues = queues
            self.mostConnections = mostConnections
        }
    }

    /// What there was to receive.
    public enum Event {
        case nothing
        /// `key` is the sender's on an encrypted link.
        case message(Multipart, PeerIdentity, key: AuthorizedKey?)
        /// A message beyond the limits, which was thrown away.
        case malformed(WireError, PeerIdentity)
        /// A message of somebody whose key is not authorised any more; thrown away, and the connection is ended.
        case revoked(PeerIdentity, key: String)
        /// A connection was not let in, or ended by us.
        case refused(LinkRefusal, address: String?)
        /// There are enough connections: from now on no more are taken, or again (false).
        case full(Bool)
        /// The gate of a listening socket cannot be moved.
        case failed(SocketError)
    }

    /// Where it listens, with the ports that the system chose.
    public let bound: [Endpoint]
    /// To be polled: messages, and what happens to connections.
    public let sockets: [ZMQSocket]
    public private(set) var counters = LinkCounters()
    private let configuration: Configuration
    private let local: ZMQSocket?
    private let network: ZMQSocket?
    private let monitor: SocketMonitor?
    private let authenticator: Authenticator?
    private let connections = Connections()
    private var watch = LinkWatch()
    private var listeners: [Int32] = []
    private var isFull = false

    init(
        _ context: ZMQContext, _ configuration: Configuration, _ security: LinkSecurity, _ authenticator: Authenticator?
    ) throws {
        self.configuration = configuration
        self.authenticator = authenticator
        var bound: [Endpoint: Endpoint] = [:]
        func open(_ endpoints: [Endpoint], _ prepare: (ZMQSocket) throws -> Void = { _ in }) throws -> ZMQSocket? {
            guard let first = endpoints.first else { return nil }
            let protection = try security.protection(listeningAt: first)
            let socket = try ZMQSocket(
                context, .router, maximumFrame: configuration.maximumFrame, queues: configuration.queues, protection: protection)
            if case .server = protection { try socket.admitOnly(configuration.role) }
            try prepare(socket)
            for endpoint in endpoints {
                // Each has the same key; each is checked by itself.
                _ = try security.protection(listeningAt: endpoint)
                bound[endpoint] = try socket.bind(endpoint)
            }
            return socket
        }
        local = try open(configuration.endpoints.filter { !$0.isTCP })
        var monitor: SocketMonitor?
        let tcp = configuration.endpoints.filter(\.isTCP)
        if !tcp.isEmpty { try Self.allowDescriptors(for: configuration.mostConnections) }
        network = try open(tcp) { socket in
            socket.tellsOrigin = true
            try socket.set(ZMQSocket.backlogOption, LinkLimits.backlog)
            monitor = try SocketMonitor(context, of: socket)
        }
        self.monitor = monitor
        self.bound = configuration.endpoints.compactMap { bound[$0] }
        // Messages first: one that arrived before its connection ended says that the connection was a good one.
        sockets = [local, network, monitor?.socket].compactMap(\.self)
    }

    /// Two for each connection (libzmq's and ours), at two ports, and some for everything else.
    private static func allowDescriptors(for connections: Int) throws(SocketError) {
        let needed = 4 * connections + 512
        let allowed = medmoe_allow_descriptors(UInt64(needed))
        guard allowed >= UInt64(needed) else { throw .descriptors(needed: needed, allowed: Int(clamping: allowed)) }
    }

    /// Whether a socket that has something to read is one of this port.
    public func owns(_ socket: ZMQSocket) -> Bool { sockets.contains { $0 === socket } }

    /// Takes one message, or one piece of news about connections, from one of the port's sockets, without waiting.
    ///
    /// - Parameters:
    ///   - mostFrames: frames of one message, without the peer's identity.
    ///   - mostBytes: bytes of all its frames.
    public func receive(from socket: ZMQSocket, mostFrames: Int, mostBytes: Int) -> Event {
        if let refused = watch.settle(now: .now) { return count(refused) }
        if let monitor, socket === monitor.socket { return news(from: monitor) }
        while true {
            switch socket.receive(mostFrames: mostFrames, mostBytes: mostBytes) {
            case .nothing: return .nothing
            case .refused(_, nil), .message(_, nil, _): continue
            case .refused(let error, let peer?): return .malformed(error, peer)
            case .message(let message, let peer?, let origin):
                if let origin { watch.received(from: origin.connection) }
                guard let authenticator, socket === network, let origin else { return .message(message, peer, key: nil) }
                guard let key = origin.key.flatMap({ authenticator.key($0, for: configuration.role) }) else {
                    counters.refused[.revoked, default: 0] += 1
                    connections.cut(origin.connection)
                    return .revoked(peer, key: origin.key ?? "none")
                }
                return .message(message, peer, key: key)
            }
        }
    }

    private func news(from monitor: SocketMonitor) -> Event {
        while let event = monitor.next() {
            if case .listening(let descriptor) = event { listeners.append(descriptor) }
            let refused = watch.take(event, now: .now, begin: connections.begin, end: connections.end)
            counters.open = watch.open
            if let refused { return count(refused) }
            if let change = moveGate() { return change }
        }
        // Also after a refusal, which made room.
        return moveGate() ?? .nothing
    }

    private func count(_ refused: LinkWatch.Refused) -> Event {
        counters.refused[refused.reason, default: 0] += 1
        return .refused(refused.reason, address: refused.address)
    }

    /// Stops or starts listening as the number of connections wants it.
    private func moveGate() -> Event? {
        let wanted = watch.open >= configuration.mostConnections
        guard wanted != isFull else { return nil }
        isFull = wanted
        if wanted { counters.full += 1 }
        for listener in listeners {
            let status = wanted ? medmoe_close_gate(listener) : medmoe_open_gate(listener)
            if status != 0 { return .failed(.system(operation: wanted ? "stop listening at" : "listen again at", endpoint: bound.map(\.description).joined(separator: " "), errno: errno)) }
        }
        return .full(wanted)
    }

    /// Sends without waiting.
    public func send(_ message: Multipart, to peer: PeerIdentity) -> ZMQSocket.SendOutcome {
        guard let local else { return network?.send(message, to: peer) ?? .unreachable }
        let outcome = local.send(message, to: peer)
        guard outcome == .unreachable, let network else { return outcome }
        return network.send(message, to: peer)
    }

    /// Closes its sockets.
    ///
    /// - Parameter linger: how long libzmq may go on sending what is on its way.
    public func close(linger: Duration = .zero) {
        monitor?.close()
        local?.close(linger: linger)
        network?.close(linger: linger)
    }
}
