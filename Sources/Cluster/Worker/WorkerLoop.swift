import Logging
import MedMoE
import Wire

/// Runs a `WorkerMachine` on the I/O thread.
final class WorkerLoop: SocketLoopBody {
    enum Command: Sendable {
        case computed(UInt64, WorkerMachine.Computed)
        case loaded(Result<WorkerHoldings, AssignmentError>)
        case unloaded
        case leave(String)
        case counters(CheckedContinuation<WorkerCounters?, Never>)
    }

    /// What to do about the experts that are held.
    enum Change: Sendable {
        case load(add: Set<Int>, drop: Set<Int>)
        case unload(Set<Int>)
    }

    /// Where tiles and changes go; both are done elsewhere, one after the other.
    struct Work: Sendable {
        let jobs: AsyncStream<WorkerMachine.Job>.Continuation
        let changes: AsyncStream<Change>.Continuation

        func finish() {
            jobs.finish()
            changes.finish()
        }
    }

    private var machine: WorkerMachine
    private let dialler: Dialler
    private let configuration: WorkerEndpoint.Configuration
    private let work: Work
    private let ending: Ending
    private let logger: Logger
    private let identity: PeerIdentity
    private var links: [DialledLink?]
    private var complaints: [RepeatedComplaint]

    init(
        _ machine: WorkerMachine, _ factory: SocketFactory, _ configuration: WorkerEndpoint.Configuration,
        _ work: Work, _ ending: Ending, _ logger: Logger
    ) {
        self.machine = machine
        dialler = factory.dialler(configuration.security)
        self.configuration = configuration
        self.work = work
        self.ending = ending
        self.logger = logger
        identity = .worker(machine.configuration.hello.incarnation)
        links = Array(repeating: nil, count: configuration.coordinators.count)
        complaints = Array(repeating: RepeatedComplaint(), count: configuration.coordinators.count)
        if let warning = configuration.security.warning(about: configuration.coordinators) { logger.warning("\(warning)") }
        handle(.start)
    }

    var sockets: [ZMQSocket] { links.flatMap { $0?.sockets ?? [] } }

    func perform(_ command: Command) {
        switch command {
        case .computed(let job, let result): handle(.computed(job: job, result))
        case .loaded(let result): handle(.loaded(result))
        case .unloaded: handle(.unloaded)
        case .leave(let reason): handle(.leave(reason: reason))
        case .counters(let continuation): continuation.resume(returning: machine.counters)
        }
    }

    func readable(_ socket: ZMQSocket) {
        guard let link = links.firstIndex(where: { $0?.sockets.contains { $0 === socket } ?? false }) else { return }
        if let dialled = links[link], dialled.tellsNews(socket) { return hear(dialled, link) }
        for _ in 0..<64 {
            // A message may have made us open another socket in place of this one.
            guard links[link]?.socket === socket else { return }
            switch socket.receive(mostFrames: 3, mostBytes: WireLimits.payload + WireLimits.envelope + ProtocolHeader.byteCount) {
            case .nothing: return
            case .refused(let error, _): handle(.malformed(link: link, error))
            case .message(let message, _, _):
                do {
                    take(try CoordinatorMessage(decoding: message), on: link)
                } catch {
                    handle(.malformed(link: link, error))
                }
            }
        }
    }

    func advance(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if let wake = machine.nextWake, wake <= now { carryOut(machine.handle(.tick, now: now)) }
        return machine.nextWake
    }

    func close() {
        // A goodbye of the last moment should still arrive.
        for link in links { link?.close(linger: .milliseconds(200)) }
    }

    private func take(_ message: CoordinatorMessage, on link: Int) {
        guard let interception = configuration.interception else { return handle(.message(link: link, message)) }
        if let message = interception.received(message) { handle(.message(link: link, message)) }
    }

    private func handle(_ event: WorkerMachine.Event) { carryOut(machine.handle(event, now: .now)) }

    private func carryOut(_ directives: [WorkerMachine.Directive]) {
        for directive in directives {
            switch directive {
            case .reopen(let link): reopen(link)
            case .send(let link, let message):
                for message in configuration.interception?.sending(message) ?? [message] { send(message, on: link) }
            case .compute(let job): work.jobs.yield(job)
            case .load(let add, let drop): work.changes.yield(.load(add: add, drop: drop))
            case .unload(let experts): work.changes.yield(.unload(experts))
            case .rejected(let link, let rejection):
                let endpoint = configuration.coordinators[link].description
                logger.error("refused by \(endpoint): \(rejection.reason)")
                if configuration.endsWhenRejected { ending.end(.failure(.rejected(endpoint: endpoint, rejection))) }
            case .welcomed(let link): logger.info("serving \(configuration.coordinators[link])")
            case .left: ending.end(.success(()))
            case .note(let note): logger.log(note)
            }
        }
    }

    private func reopen(_ link: Int) {
        links[link]?.close()
        do {
            links[link] = try dialler.dial(configuration.coordinators[link], as: identity, maximumFrame: WireLimits.payload) {
                logger.notice("\($0)")
            }
        } catch {
            // The machine says Hello again after a while.
            links[link] = nil
            complain("\(error)", link)
        }
    }

    /// Why there is no connection; the machine's own clock tries again.
    private func hear(_ dialled: DialledLink, _ link: Int) {
        while let news = dialled.news() {
            switch news {
            case .established: complaints[link].reset()
            case .failed(let failure):
                complain("\(failure.explanation(at: configuration.coordinators[link], own: dialler.own)); trying on", link)
            }
        }
    }

    private func complain(_ text: String, _ link: Int) {
        if let text = complaints[link].entry(text) { logger.error("\(text)") }
    }

    private func send(_ message: WorkerMessage, on link: Int) {
        do {
            let outcome = links[link]?.socket.send(try message.encoded())
            if outcome != ZMQSocket.SendOutcome.sent { logger.warning("a message to \(configuration.coordinators[link]) was lost: its queue is full or gone") }
        } catch {
            logger.error("a message to \(configuration.coordinators[link]) cannot be sent: \(error)")
        }
    }
}

extension Logger {
    func log(_ note: Note) {
        switch note {
        case .info(let text): info("\(text)")
        case .warning(let text): warning("\(text)")
        }
    }
}
