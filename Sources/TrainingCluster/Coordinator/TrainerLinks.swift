import Logging
import Wire

/// The port where trainers arrive, who may use it, what crosses it, and the log about those who may not.
final class TrainerLinks {
    /// What came in.
    enum Arrival {
        case nothing
        /// A message and its size.
        case message(PeerIdentity, TrainerMessage, TrainerTraffic.Flow)
        case malformed(PeerIdentity, WireError)
        /// A peer that must not be talked to any more.
        case gone(PeerIdentity)
    }

    let port: ListeningPort
    private let authenticator: Authenticator?
    private let logger: Logger
    private var refusals = RareLog<LinkRefusal>()
    private var garbage = RareLog<KeyRole>()

    init(_ configuration: TrainerPort.Configuration, _ factory: SocketFactory, _ logger: Logger) throws {
        self.logger = logger
        if let warning = configuration.security.warning(about: configuration.listen) { logger.warning("\(warning)") }
        authenticator = try factory.authenticator(configuration.security)
        port = try factory.port(
            .init(
                endpoints: configuration.listen, role: .worker, maximumFrame: WireLimits.payload, queues: (out: 1024, in: 64),
                mostConnections: configuration.mostConnections),
            configuration.security, authenticator)
    }

    var sockets: [ZMQSocket] { port.sockets + (authenticator.map { [$0.socket] } ?? []) }

    /// Takes one thing that arrived at a socket, without waiting.
    func next(from socket: ZMQSocket) -> Arrival {
        if let authenticator, socket === authenticator.socket {
            for notice in authenticator.answer() { log(notice) }
            return .nothing
        }
        if let notice = authenticator?.refresh(now: .now) { log(notice) }
        guard port.owns(socket) else { return .nothing }
        while true {
            switch port.receive(from: socket, mostFrames: WireLimits.trainerFrames, mostBytes: WireLimits.trainerBytes) {
            case .nothing: return .nothing
            case .message(let message, let peer, let key):
                let flow = TrainerTraffic.Flow(message)
                do {
                    let message = try TrainerMessage(decoding: message)
                    if case .hello(let hello) = message, let key { logger.info("trainer '\(hello.name)' (\(hello.incarnation)) shows key \(key)") }
                    return .message(peer, message, flow)
                } catch {
                    return malformed(error, from: peer)
                }
            case .malformed(let error, let peer): return malformed(error, from: peer)
            case .revoked(let peer, let key):
                refuse(.revoked, "\(peer) with key \(key)")
                return .gone(peer)
            // Whoever decided about the key said more.
            case .refused(.unauthorized, _): continue
            case .refused(let reason, let address): refuse(reason, address ?? "a peer")
            case .full(true): logger.warning("the port for trainers has as many connections as it may: it takes no more until one is gone")
            case .full(false): logger.info("the port for trainers takes connections again")
            case .failed(let error): logger.error("\(error)")
            }
        }
    }

    /// Sends without waiting.
    ///
    /// - Returns: its size if it is on its way; nil when it is lost.
    func send(_ message: MessageToTrainer, to peer: PeerIdentity) -> TrainerTraffic.Flow? {
        do {
            let frames = try message.encoded()
            let flow = TrainerTraffic.Flow(frames)
            let outcome = port.send(frames, to: peer)
            if outcome == .sent { return flow }
            // Beats and silence decide what that means.
            logger.debug("a message to trainer \(peer) was lost: \(outcome)")
        } catch {
            logger.error("a message to trainer \(peer) cannot be sent: \(error)")
        }
        return nil
    }

    private func malformed(_ error: WireError, from peer: PeerIdentity) -> Arrival {
        if let count = garbage.entry(.worker) { logger.warning("unreadable message at the port for trainers from \(peer) (\(count) so far): \(error)") }
        return .malformed(peer, error)
    }

    private func refuse(_ reason: LinkRefusal, _ who: String) {
        if let count = refusals.entry(reason) {
            logger.warning("refused \(who) at the port for trainers: \(reason) (\(count) of this kind so far)")
        }
    }

    private func log(_ notice: KeyNotice) {
        switch notice {
        case .read: logger.notice("\(notice)")
        case .failed: logger.error("\(notice)")
        case .denied:
            if let count = refusals.entry(.unauthorized) {
                logger.warning("refused at the port for trainers: \(notice) (\(count) of this kind so far)")
            }
        }
    }

    /// Closes the port, and only then stops deciding who may in.
    func close(linger: Duration) {
        port.close(linger: linger)
        authenticator?.close()
    }
}
