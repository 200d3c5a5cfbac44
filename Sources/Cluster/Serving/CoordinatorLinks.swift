import Logging
import Wire

/// A coordinator's two ports, who may use them, and the log about those who may not.
final class CoordinatorLinks {
    /// What came in.
    enum Arrival {
        case nothing
        case worker(PeerIdentity, WorkerMessage)
        case client(PeerIdentity, ClientMessage)
        /// A message at the port of this role that cannot be read.
        case malformed(KeyRole, PeerIdentity, WireError)
        /// A peer that must not be talked to any more.
        case gone(KeyRole, PeerIdentity)
    }

    let workers: ListeningPort
    /// None for a coordinator that only serves its own process.
    let clients: ListeningPort?
    private let authenticator: Authenticator?
    private let logger: Logger
    private var garbage = RareLog<KeyRole>()
    private var refusals = RareLog<LinkRefusal>()
    /// What workers were sent and what they sent.
    private(set) var traffic = WorkerTraffic()

    init(_ configuration: CoordinatorEndpoint.Configuration, _ factory: SocketFactory, _ logger: Logger) throws {
        self.logger = logger
        if let warning = configuration.security.warning(about: configuration.listen + configuration.serve) { logger.warning("\(warning)") }
        authenticator = try factory.authenticator(configuration.security)
        workers = try factory.port(
            .init(
                endpoints: configuration.listen, role: .worker, maximumFrame: WireLimits.payload, queues: (out: 1024, in: 256),
                mostConnections: configuration.mostConnections),
            configuration.security, authenticator)
        // Tokens are many and small, questions few and large.
        clients = configuration.serve.isEmpty ? nil : try factory.port(
            .init(
                endpoints: configuration.serve, role: .client, maximumFrame: WireLimits.images, queues: (out: 8192, in: 16),
                mostConnections: configuration.mostConnections),
            configuration.security, authenticator)
    }

    var sockets: [ZMQSocket] {
        workers.sockets + (clients?.sockets ?? []) + (authenticator.map { [$0.socket] } ?? [])
    }

    /// Both ports together.
    var counters: LinkCounters { workers.counters + (clients?.counters ?? LinkCounters()) }

    /// Takes one thing that arrived at a socket, without waiting.
    func next(from socket: ZMQSocket) -> Arrival {
        if let authenticator, socket === authenticator.socket {
            for notice in authenticator.answer() { log(notice) }
            return .nothing
        }
        if let notice = authenticator?.refresh(now: .now) { log(notice) }
        if workers.owns(socket) { return next(at: workers, .worker, socket, mostFrames: 3, mostPayload: WireLimits.payload) }
        guard let clients, clients.owns(socket) else { return .nothing }
        return next(at: clients, .client, socket, mostFrames: 2 + WireLimits.imageCount, mostPayload: WireLimits.images)
    }

    private func next(
        at port: ListeningPort, _ role: KeyRole, _ socket: ZMQSocket, mostFrames: Int, mostPayload: Int
    ) -> Arrival {
        let mostBytes = ProtocolHeader.byteCount + WireLimits.envelope + mostPayload
        while true {
            switch port.receive(from: socket, mostFrames: mostFrames, mostBytes: mostBytes) {
            case .nothing: return .nothing
            case .message(let message, let peer, let key):
                do {
                    return try read(message, from: peer, key, role)
                } catch {
                    return malformed(error, from: peer, role)
                }
            case .malformed(let error, let peer): return malformed(error, from: peer, role)
            case .revoked(let peer, let key):
                refuse(.revoked, role, "\(peer) with key \(key)")
                return .gone(role, peer)
            // Whoever decided about the key said more.
            case .refused(.unauthorized, _): continue
            case .refused(let reason, let address): refuse(reason, role, address ?? "a peer")
            case .full(true):
                logger.warning("the \(role) port has as many connections as it may (--max-connections): it takes no more until one is gone")
            case .full(false): logger.info("the \(role) port takes connections again")
            case .failed(let error): logger.error("\(error)")
            }
        }
    }

    private func read(_ message: Multipart, from peer: PeerIdentity, _ key: AuthorizedKey?, _ role: KeyRole) throws(WireError) -> Arrival {
        guard role == .worker else { return .client(peer, try ClientMessage(decoding: message)) }
        let flow = WorkerTraffic.Flow(message)
        let message = try WorkerMessage(decoding: message)
        traffic.received(message, flow)
        if case .hello(let hello) = message, let key {
            logger.info("worker '\(hello.name.prefix(WireLimits.name))' (\(hello.incarnation)) shows key \(key)")
        }
        return .worker(peer, message)
    }

    /// Sends to a worker, without waiting.
    ///
    /// - Throws: `WireError` when the message cannot be encoded.
    func send(_ message: CoordinatorMessage, to peer: PeerIdentity) throws(WireError) -> ZMQSocket.SendOutcome {
        let frames = try message.encoded()
        let flow = WorkerTraffic.Flow(frames)
        let outcome = workers.send(frames, to: peer)
        if outcome == .sent { traffic.sent(message, flow) }
        return outcome
    }

    private func malformed(_ error: WireError, from peer: PeerIdentity, _ role: KeyRole) -> Arrival {
        if let count = garbage.entry(role) { logger.warning("unreadable message on the \(role) port from \(peer) (\(count) so far): \(error)") }
        return .malformed(role, peer, error)
    }

    private func refuse(_ reason: LinkRefusal, _ role: KeyRole, _ who: String) {
        if let count = refusals.entry(reason) {
            logger.warning("refused \(who) at the \(role) port: \(reason) (\(count) of this kind so far)")
        }
    }

    private func log(_ notice: KeyNotice) {
        switch notice {
        case .read: logger.notice("\(notice)")
        case .failed: logger.error("\(notice)")
        case .denied(let role, _):
            if let count = refusals.entry(.unauthorized) {
                logger.warning("refused at the \(role?.rawValue ?? "unknown") port: \(notice) (\(count) of this kind so far)")
            }
        }
    }

    /// Closes the ports, and only then stops deciding who may in.
    func close(linger: Duration) {
        workers.close(linger: linger)
        clients?.close(linger: linger)
        authenticator?.close()
    }
}
