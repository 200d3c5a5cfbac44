import Logging
import Wire

/// Runs a `TrainerMachine` on the I/O thread.
final class TrainerLoop: SocketLoopBody {
    enum Command: Sendable {
        case computed(session: UInt64, number: UInt64, Result<TrainerResult, TrainerFailure>)
        case leave(String)
        case counters(CheckedContinuation<TrainerCounters?, Never>)
    }

    /// What the compute thread is to do, one after the other.
    enum Job: Sendable {
        case carryOut(session: UInt64, number: UInt64, TrainerCall)
        case forget
    }

    private var machine: TrainerMachine
    private let dialler: Dialler
    private let configuration: TrainerEndpoint.Configuration
    private let jobs: AsyncStream<Job>.Continuation
    private let ending: Pending<Void>
    private let logger: Logger
    private let identity: PeerIdentity
    private var link: DialledLink?
    private var complaints = RepeatedComplaint()
    private var hasHeard = false

    init(
        _ machine: TrainerMachine, _ factory: SocketFactory, _ configuration: TrainerEndpoint.Configuration,
        _ jobs: AsyncStream<Job>.Continuation, _ ending: Pending<Void>, _ logger: Logger
    ) {
        self.machine = machine
        dialler = factory.dialler(configuration.security)
        self.configuration = configuration
        self.jobs = jobs
        self.ending = ending
        self.logger = logger
        identity = .worker(machine.configuration.hello.incarnation)
        if let warning = configuration.security.warning(about: [configuration.coordinator]) { logger.warning("\(warning)") }
        handle(.start)
    }

    var sockets: [ZMQSocket] { link?.sockets ?? [] }

    func perform(_ command: Command) {
        switch command {
        case .computed(let session, let number, let result): handle(.computed(session: session, number: number, result))
        case .leave(let reason): handle(.leave(reason: reason))
        case .counters(let continuation): continuation.resume(returning: machine.counters)
        }
    }

    func readable(_ socket: ZMQSocket) {
        if let link, link.tellsNews(socket) { return hear(link) }
        for _ in 0..<64 {
            // A message may have made us open another socket in place of this one.
            guard link?.socket === socket else { return }
            switch socket.receive(mostFrames: WireLimits.trainerFrames, mostBytes: WireLimits.trainerBytes) {
            case .nothing: return
            case .refused(let error, _): handle(.malformed(error))
            case .message(let message, _, _):
                do {
                    take(try MessageToTrainer(decoding: message))
                } catch {
                    handle(.malformed(error))
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
        link?.close(linger: .milliseconds(200))
    }

    private func take(_ message: MessageToTrainer) {
        if !hasHeard {
            hasHeard = true
            logger.info("connected to the coordinator at \(configuration.coordinator)")
        }
        for message in configuration.interception?.received(message) ?? [message] { handle(.message(message)) }
    }

    private func handle(_ event: TrainerMachine.Event) { carryOut(machine.handle(event, now: .now)) }

    private func carryOut(_ directives: [TrainerMachine.Directive]) {
        for directive in directives {
            switch directive {
            case .reopen: reopen()
            case .send(let message):
                for message in configuration.interception?.sending(message) ?? [message] { send(message) }
            case .compute(let session, let number, let call): jobs.yield(.carryOut(session: session, number: number, call))
            case .forget: jobs.yield(.forget)
            case .rejected(let rejection):
                ending.finish(.failure(TrainerError.rejected(endpoint: configuration.coordinator.description, rejection)))
            case .left: ending.finish(.success(()))
            case .note(let note): logger.log(note)
            }
        }
    }

    private func reopen() {
        link?.close()
        hasHeard = false
        do {
            link = try dialler.dial(configuration.coordinator, as: identity, maximumFrame: WireLimits.payload) { logger.notice("\($0)") }
        } catch {
            // The machine says Hello again after a while.
            link = nil
            complain("\(error)")
        }
    }

    /// Why there is no connection; the machine's own clock tries again.
    private func hear(_ link: DialledLink) {
        while let news = link.news() {
            switch news {
            case .established: complaints.reset()
            case .failed(let failure):
                complain("\(failure.explanation(at: configuration.coordinator, own: dialler.own)); trying on")
            }
        }
    }

    private func complain(_ text: String) {
        if let text = complaints.entry(text) { logger.error("\(text)") }
    }

    private func send(_ message: TrainerMessage) {
        do {
            let outcome = link?.socket.send(try message.encoded())
            if outcome != ZMQSocket.SendOutcome.sent {
                logger.warning("a message to \(configuration.coordinator) was lost: its queue is full or gone")
            }
        } catch {
            logger.error("a message to \(configuration.coordinator) cannot be sent: \(error)")
            // Whoever waits for an answer must not wait for one that does not fit.
            guard case .answer(let answer) = message, case .success = answer.result else { return }
            let failure = TrainerFailure(.compute, "the answer does not fit a message: \(error)")
            send(.answer(TrainerAnswer(session: answer.session, number: answer.number, result: .failure(failure))))
        }
    }
}
