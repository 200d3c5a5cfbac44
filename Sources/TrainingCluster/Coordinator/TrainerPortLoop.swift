import Logging
import Synchronization
import Training
import Wire

/// Runs `TrainerSessions` on the I/O thread.
final class TrainerPortLoop: SocketLoopBody {
    enum Command: Sendable {
        case call(TrainerCall, TrainerPort.Trainer, PendingAnswer)
        case begin([TrainerPort.Trainer], Pending<Void>)
        case trainers(Int, until: ContinuousClock.Instant, Pending<[TrainerPort.Trainer]>)
        case traffic(CheckedContinuation<TrainerTraffic, Never>)
    }

    private struct Waiter {
        let count: Int
        let deadline: ContinuousClock.Instant
        let pending: Pending<[TrainerPort.Trainer]>
    }

    let listening: [Endpoint]
    private let links: TrainerLinks
    private let logger: Logger
    private let lastTraffic: LastTraffic
    private var machine: TrainerSessions
    private var answers: [CallID: PendingAnswer] = [:]
    private var beginnings: [UInt64: Pending<Void>] = [:]
    private var waiters: [Waiter] = []
    private var nextCall: UInt64 = 0
    private var traffic = TrainerTraffic()

    init(_ configuration: TrainerPort.Configuration, _ factory: SocketFactory, _ lastTraffic: LastTraffic, _ logger: Logger) throws {
        links = try TrainerLinks(configuration, factory, logger)
        listening = links.port.bound
        self.lastTraffic = lastTraffic
        self.logger = logger
        var settings = TrainerSessions.Configuration()
        settings.beat = configuration.beat
        settings.liveness = configuration.liveness
        settings.mostTrainers = configuration.mostConnections
        machine = TrainerSessions(settings)
    }

    var sockets: [ZMQSocket] { links.sockets }

    func perform(_ command: Command) {
        switch command {
        case .call(let call, let trainer, let answer):
            let id = CallID(nextCall)
            nextCall += 1
            answers[id] = answer
            handle(.call(id, call, of: trainer))
        case .begin(let trainers, let pending):
            let session = UInt64.random(in: 1 ... .max)
            beginnings[session] = pending
            handle(.begin(session: session, trainers))
        case .trainers(let count, let deadline, let pending): waiters.append(Waiter(count: count, deadline: deadline, pending: pending))
        case .traffic(let continuation): continuation.resume(returning: traffic)
        }
    }

    func readable(_ socket: ZMQSocket) {
        for _ in 0..<64 {
            switch links.next(from: socket) {
            case .nothing: return
            case .message(let peer, let message, let flow):
                count(message, from: peer, flow)
                handle(.message(peer, message))
            case .malformed(let peer, let error): handle(.malformed(peer, error))
            case .gone(let peer): handle(.cut(peer))
            }
        }
    }

    func advance(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if let wake = machine.nextWake, wake <= now { carryOut(machine.handle(.tick, now: now)) }
        settleWaiters(now: now)
        return [machine.nextWake, waiters.map(\.deadline).min()].compactMap { $0 }.min()
    }

    func close() {
        handle(.close(reason: "the coordinator is shutting down"))
        for waiter in waiters { waiter.pending.finish(.failure(CancellationError())) }
        waiters = []
        links.close(linger: .milliseconds(200))
        lastTraffic.set(traffic)
    }

    private func count(_ message: TrainerMessage, from peer: PeerIdentity, _ flow: TrainerTraffic.Flow) {
        switch message {
        case .answer(let answer): traffic.received(machine.awaited(answer, from: peer)?.kind, flow)
        case .hello, .beat, .goodbye: traffic.received(.other, flow)
        }
    }

    private func handle(_ event: TrainerSessions.Event) { carryOut(machine.handle(event, now: .now)) }

    private func carryOut(_ directives: [TrainerSessions.Directive]) {
        for directive in directives {
            switch directive {
            case .send(let peer, let message, let repeated):
                guard let flow = links.send(message, to: peer) else { continue }
                var kind = TrainerTraffic.Kind.other
                if case .call(let call) = message { kind = call.call.kind }
                traffic.sent(kind, flow, repeated: repeated)
            case .began(let session, let lost):
                beginnings.removeValue(forKey: session)?.finish(lost.map { .failure($0) } ?? .success(()))
            case .finish(let id, let result): answers.removeValue(forKey: id)?.finish(result)
            case .note(let note): logger.log(note)
            }
        }
    }

    private func settleWaiters(now: ContinuousClock.Instant) {
        guard !waiters.isEmpty else { return }
        let present = machine.trainers
        waiters.removeAll { waiter in
            if present.count >= waiter.count {
                waiter.pending.finish(.success(present))
            } else if waiter.deadline <= now {
                waiter.pending.finish(
                    .failure(TrainerPortError.tooFew(present: present.count, wanted: waiter.count, at: listening.map(\.description))))
            } else {
                return false
            }
            return true
        }
    }
}

/// The traffic of a port that is closed.
final class LastTraffic: Sendable {
    private let traffic = Mutex(TrainerTraffic())

    var value: TrainerTraffic { traffic.withLock { $0 } }

    func set(_ value: TrainerTraffic) { traffic.withLock { $0 = value } }
}
