import Logging
import MedMoE
import Wire

/// Runs a `DispatchMachine` and `ClientSessions` on the I/O thread.
final class CoordinatorLoop: SocketLoopBody {
    enum Command: Sendable {
        case submit(TicketID, [ExpertTile], ContinuousClock.Instant, WhenUncovered, RemoteTicket)
        case cancel(TicketID)
        case serve(any AnswerEngine)
        case token(RunID, id: Int, text: String)
        case ended(RunID, Result<AnswerSummary, AnswerError>)
        case waitUntilCovered(ContinuousClock.Instant, CheckedContinuation<Void, any Error>)
        case status(CheckedContinuation<ClusterStatus?, Never>)
        /// Finish what is there for so long, then resume.
        case drain(String, ContinuousClock.Instant, CheckedContinuation<Void, Never>)
        case shutDown(String)
    }

    let listening: [Endpoint]
    let serving: [Endpoint]
    private let links: CoordinatorLinks
    private let loop: SocketLoop<Command>
    private let logger: Logger
    private let domains: [String]
    private let modelDigest: String
    private var dispatch: DispatchMachine
    private var clients: ClientSessions
    private var tickets: [TicketID: RemoteTicket] = [:]
    private var engine: (any AnswerEngine)?
    private var runs: [RunID: Task<Void, Never>] = [:]
    private var coverage: [(deadline: ContinuousClock.Instant, continuation: CheckedContinuation<Void, any Error>)] = []
    private var drainers: [CheckedContinuation<Void, Never>] = []
    private var hasDrained = false
    private var saidGoodbye = false

    init(
        _ configuration: CoordinatorEndpoint.Configuration, _ loop: SocketLoop<Command>, _ factory: SocketFactory, _ logger: Logger
    ) throws {
        links = try CoordinatorLinks(configuration, factory, logger)
        listening = links.workers.bound
        serving = links.clients?.bound ?? []
        self.loop = loop
        self.logger = logger
        domains = configuration.domains
        modelDigest = configuration.modelDigest
        dispatch = DispatchMachine(configuration.dispatch)
        clients = ClientSessions(configuration.clients)
    }

    var sockets: [ZMQSocket] { links.sockets }

    func perform(_ command: Command) {
        switch command {
        case .submit(let id, let tiles, let deadline, let whenUncovered, let ticket):
            tickets[id] = ticket
            handle(.submit(id, tiles, deadline: deadline, whenUncovered: whenUncovered))
        case .cancel(let id): handle(.cancel(id))
        case .serve(let engine):
            self.engine = engine
            handle(.open)
        case .token(let run, let id, let text): handle(.token(run, id: id, text: text))
        case .ended(let run, let result):
            runs[run] = nil
            handle(.ended(run, result))
        case .waitUntilCovered(let deadline, let continuation): coverage.append((deadline, continuation))
        case .status(let continuation): continuation.resume(returning: status)
        case .drain(let reason, let until, let continuation):
            drainers.append(continuation)
            if hasDrained { resumeDrainers() } else { handle(.drain(reason: reason, until: until)) }
        case .shutDown(let reason): shutDown(reason)
        }
    }

    func readable(_ socket: ZMQSocket) {
        for _ in 0..<64 {
            switch links.next(from: socket) {
            case .nothing: return
            case .worker(let peer, let message): handle(DispatchMachine.Event.message(peer, message))
            case .client(let peer, let message): handle(ClientSessions.Event.message(peer, message))
            case .malformed(.worker, let peer, let error): handle(DispatchMachine.Event.malformed(peer, error))
            case .malformed(_, let peer, let error): handle(ClientSessions.Event.malformed(peer, error))
            case .gone(.worker, let peer): handle(DispatchMachine.Event.unreachable(peer))
            case .gone(_, let peer): handle(ClientSessions.Event.unreachable(peer))
            }
        }
    }

    func advance(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if let wake = dispatch.nextWake, wake <= now { carryOut(dispatch.handle(.tick, now: now)) }
        if let wake = clients.nextWake, wake <= now { carryOut(clients.handle(.tick, now: now)) }
        settleCoverage(now: now)
        return [dispatch.nextWake, clients.nextWake, coverage.map(\.deadline).min()].compactMap { $0 }.min()
    }

    func close() {
        shutDown("the coordinator is shutting down")
        links.close(linger: .milliseconds(200))
    }

    // MARK: - Machines

    private func handle(_ event: DispatchMachine.Event) { carryOut(dispatch.handle(event, now: .now)) }
    private func handle(_ event: ClientSessions.Event) { carryOut(clients.handle(event, now: .now)) }

    private func carryOut(_ directives: [DispatchMachine.Directive]) {
        for directive in directives {
            switch directive {
            case .send(let peer, let message):
                if !send(message, to: peer) { handle(DispatchMachine.Event.unreachable(peer)) }
            case .finish(let ticket, let result): tickets.removeValue(forKey: ticket)?.finish(result)
            case .assigned(let id, let failure, let experts): handle(.assigned(id, failure: failure, experts: experts))
            case .note(let note): logger.log(note)
            }
        }
    }

    private func carryOut(_ directives: [ClientSessions.Directive]) {
        for directive in directives {
            switch directive {
            case .send(let peer, let reply): send(reply, to: peer)
            case .start(let run, let request): start(run, request)
            case .cancel(let run): runs[run]?.cancel()
            case .status(let peer, let inquiry): send(.status(status.reply(to: inquiry)), to: peer)
            case .assign(let id, let assign):
                handle(.assign(id, worker: assign.worker, add: assign.add, drop: assign.drop))
            case .drained:
                hasDrained = true
                resumeDrainers()
            case .note(let note): logger.log(note)
            }
        }
    }

    // MARK: - Sending

    /// Anything but "sent" means that the worker cannot be counted on.
    private func send(_ message: CoordinatorMessage, to peer: PeerIdentity) -> Bool {
        do {
            return links.workers.send(try message.encoded(), to: peer) == .sent
        } catch {
            logger.error("a message to worker \(peer) cannot be sent: \(error)")
            return false
        }
    }

    private func send(_ reply: CoordinatorReply, to peer: PeerIdentity) {
        let message: Multipart
        do {
            message = try reply.encoded()
        } catch {
            logger.error("a reply to \(peer) cannot be sent: \(error)")
            // The asker must not wait for what does not fit.
            if case .done(let done) = reply {
                send(.refused(Refusal(request: done.request, code: AnswerError.Code.internal.rawValue, reason: "the answer does not fit a message: \(error)")), to: peer)
            }
            return
        }
        if links.clients?.send(message, to: peer) != .sent { handle(ClientSessions.Event.unreachable(peer)) }
    }

    // MARK: - Engine

    /// Lets the engine answer; its events come back as commands, and exactly one of them is `ended`.
    private func start(_ run: RunID, _ request: AnswerRequest) {
        guard let engine else {
            handle(.ended(run, .failure(AnswerError(.unavailable, "the coordinator is starting"))))
            return
        }
        runs[run] = Task { [loop] in
            var result: Result<AnswerSummary, AnswerError> = .failure(AnswerError(.internal, "the engine ended without an answer"))
            do {
                for try await event in engine.answer(request) {
                    switch event {
                    case .token(let id, let text): loop.post(.token(run, id: id, text: text))
                    case .done(let summary): result = .success(summary)
                    }
                }
                if Task.isCancelled, case .failure = result { result = .failure(AnswerError(.cancelled, "the request was cancelled")) }
            } catch {
                result = .failure(AnswerError(anything: error))
            }
            loop.post(.ended(run, result))
        }
    }

    // MARK: - Status and the end

    private var status: ClusterStatus {
        ClusterStatus(
            coordinator: dispatch.configuration.coordinator, dispatch: dispatch.status(now: .now),
            runningRequests: clients.load.running, waitingRequests: clients.load.waiting, isDraining: clients.isDraining,
            clients: clients.counters, links: links.counters,
            domains: domains, modelDigest: modelDigest)
    }

    private func settleCoverage(now: ContinuousClock.Instant) {
        guard !coverage.isEmpty else { return }
        let missing = dispatch.missing(of: dispatch.configuration.required)
        coverage.removeAll { waiter in
            if missing.isEmpty {
                waiter.continuation.resume()
            } else if waiter.deadline <= now {
                waiter.continuation.resume(throwing: DispatchError.expertsLost(missing.sorted()))
            } else {
                return false
            }
            return true
        }
    }

    private func shutDown(_ reason: String) {
        handle(.close(reason: reason))
        for run in runs.values { run.cancel() }
        if !saidGoodbye { for peer in dispatch.workers.keys { _ = send(.goodbye(reason: reason), to: peer) } }
        saidGoodbye = true
        for ticket in tickets.values { ticket.finish(.failure(.cancelled)) }
        tickets = [:]
        for waiter in coverage { waiter.continuation.resume(throwing: DispatchError.cancelled) }
        coverage = []
        resumeDrainers()
    }

    private func resumeDrainers() {
        for drainer in drainers { drainer.resume() }
        drainers = []
    }
}
