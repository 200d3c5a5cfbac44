import MedMoE
import Wire

/// Names one run of a request in the engine. A request id may come again later; a run never does.
public struct RunID: Sendable, Hashable {
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }
}

/// The coordinator's side of the client protocol: who waits for which request.
///
/// Events in, directives out; no socket and no clock. Several clients may wait for one request; it is cancelled when the
/// last of them is gone.
public struct ClientSessions {
    /// Everything that does not change.
    public struct Configuration: Sendable {
        /// Requests that the engine has at a time.
        public var mostRunning = 16
        /// Requests that wait for one of those places.
        public var mostWaiting = 64
        /// Assignments of experts under way.
        public var mostAssignments = 64
        /// Bytes of the images of all of them.
        public var mostImageBytes = 256 << 20
        /// Clients that wait for something.
        public var mostClients = 1024
        public var beat: Duration = .seconds(1)
        /// A client that is silent for this many beats is gone.
        public var liveness = 3
        /// How often a client that waits for a request is probed.
        public var probe: Duration = .milliseconds(100)
        /// The engine keeps deadlines itself, and knows better what was missing; this long after the deadline we do.
        public var grace: Duration = .seconds(1)

        public init() {}
    }

    public enum Event {
        /// From now on requests are taken.
        case open
        /// No new requests; those that are there are finished, until some moment at most. `drained` tells.
        case drain(reason: String, until: Moment)
        /// No more requests; those that are there end.
        case close(reason: String)
        /// An assignment ended: done, or why not; and the experts that the worker holds now.
        case assigned(AssignmentID, failure: String?, experts: [Int])
        case message(PeerIdentity, ClientMessage)
        /// A message that could not be read.
        case malformed(PeerIdentity, WireError)
        /// Sending to a peer failed: it is gone, or does not read.
        case unreachable(PeerIdentity)
        case token(RunID, id: Int, text: String)
        /// The engine is finished with a run. Comes exactly once for each `start`, also after `cancel`.
        case ended(RunID, Result<AnswerSummary, AnswerError>)
        case tick
    }

    public enum Directive {
        case send(PeerIdentity, CoordinatorReply)
        case start(RunID, AnswerRequest)
        case cancel(RunID)
        /// Somebody wants to know how the cluster is.
        case status(PeerIdentity, inquiry: UInt64)
        /// Somebody wants a worker to hold other experts. Answered by `assigned`.
        case assign(AssignmentID, AssignExperts)
        /// Nothing runs or waits any more after `drain`.
        case drained
        case note(Note)
    }

    public let configuration: Configuration
    public internal(set) var counters = ClientCounters()

    /// Why requests are not taken; nil when they are.
    var closed: Closed? = Closed("the coordinator is starting", retryAfter: .milliseconds(500))
    /// Set while what is there is finished and nothing new is taken.
    var drainsUntil: Moment?
    var saidDrained = false
    /// By request id.
    var runs: [String: Run] = [:]
    var requestOf: [RunID: String] = [:]
    /// Ids of runs that wait for a place, oldest first.
    var waiting: [String] = []
    /// Runs in the engine, also cancelled ones that have not ended yet.
    var inEngine: Set<RunID> = []
    var peers: [PeerIdentity: ClientPeer] = [:]
    var nextRun: UInt64 = 0
    var assignments: [AssignmentID: (peer: PeerIdentity, inquiry: UInt64)] = [:]
    var nextAssignment: UInt64 = 0
    var pace = EndingPace()
    var directives: [Directive] = []

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// Requests in the engine, and requests that wait.
    public var load: (running: Int, waiting: Int) { (inEngine.count, waiting.count) }

    /// Takes one event.
    ///
    /// - Returns: what is to be done, in this order.
    public mutating func handle(_ event: Event, now: Moment) -> [Directive] {
        switch event {
        case .open: closed = nil
        case .drain(let reason, let until): drain(reason, until: until, now: now)
        case .close(let reason): close(reason, now: now)
        case .assigned(let id, let failure, let experts): answerAssignment(id, failure, experts)
        case .message(let peer, let message):
            peers[peer]?.lastHeard = now
            switch message {
            case .ask(let ask): take(ask, from: peer, now: now)
            case .cancel(let request): leave(request, peer)
            case .beat(let requests): answerBeat(of: peer, requests)
            case .assign(let assign): take(assign, from: peer)
            case .status(let inquiry): directives.append(.status(peer, inquiry: inquiry))
            }
        case .malformed(let peer, let error):
            counters.malformed += 1
            if case .foreign = error { break }
            refuse("", peer, .protocolViolation, error.description)
        case .unreachable(let peer): vanish(peer, because: "it cannot be reached")
        case .token(let run, let id, let text): pass(run, Tokens.Token(id: id, text: text))
        case .ended(let run, let result): end(run, result, now: now)
        case .tick: tick(now: now)
        }
        startWaiting(now: now)
        finishDraining()
        defer { directives = [] }
        return directives
    }

    // MARK: - Requests

    private mutating func take(_ ask: Ask, from peer: PeerIdentity, now: Moment) {
        let id = ask.question.request
        if let closed, runs[id] == nil { return refuse(id, peer, .unavailable, closed.reason, retryAfter: closed.retryAfter) }
        guard peers[peer] != nil || peers.count < configuration.mostClients else {
            return refuseForNow(id, peer, "\(peers.count) clients are waiting for answers, which is all that fit: try again later", now: now)
        }
        if runs[id] != nil { return join(ask, from: peer, now: now) }
        guard inEngine.count + waiting.count < configuration.mostRunning + configuration.mostWaiting else {
            return refuseForNow(
                id, peer, "\(inEngine.count) requests are running and \(waiting.count) waiting, which is all that fits: try again later",
                now: now)
        }
        let held = runs.values.reduce(0) { $0 + $1.imageBytes }
        guard held + ask.images.byteCount <= configuration.mostImageBytes else {
            return refuseForNow(
                id, peer,
                "the images of all requests would have \(held + ask.images.byteCount) bytes, the limit is \(configuration.mostImageBytes): try again later",
                now: now)
        }
        let run = RunID(nextRun)
        nextRun += 1
        counters.accepted += 1
        runs[id] = Run(
            id: run, request: AnswerRequest(ask), imageBytes: ask.images.byteCount,
            deadline: now + .milliseconds(ask.question.deadlineMilliseconds), listeners: [peer])
        requestOf[run] = id
        waiting.append(id)
        listen(peer, id, now: now)
    }

    /// The same request again: this client gets everything from the beginning, then goes on with the others.
    private mutating func join(_ ask: Ask, from peer: PeerIdentity, now: Moment) {
        let id = ask.question.request
        guard let run = runs[id] else { return }
        guard run.request.isSame(as: AnswerRequest(ask)) else {
            return refuse(id, peer, .invalidRequest, "request '\(id)' is running with another question: choose another id")
        }
        counters.joined += 1
        runs[id]?.listeners.insert(peer)
        listen(peer, id, now: now)
        for part in Tokens(request: id, first: 0, tokens: run.tokens).split { directives.append(.send(peer, .tokens(part))) }
    }

    private mutating func listen(_ peer: PeerIdentity, _ request: String, now: Moment) {
        var state = peers[peer] ?? ClientPeer(lastHeard: now, lastSent: now)
        state.requests.insert(request)
        peers[peer] = state
    }

    private mutating func startWaiting(now: Moment) {
        while inEngine.count < configuration.mostRunning, let id = waiting.first {
            waiting.removeFirst()
            guard var run = runs[id] else { continue }
            let left = now.duration(to: run.deadline)
            guard left > .zero else {
                conclude(id, .failure(AnswerError(.deadline, "the deadline passed while the request was waiting")), now: now)
                continue
            }
            run.isRunning = true
            runs[id] = run
            inEngine.insert(run.id)
            var request = run.request
            request.deadlineMilliseconds = max(1, Int(left / .milliseconds(1)))
            directives.append(.start(run.id, request))
        }
    }

    // MARK: - What the engine says

    private mutating func pass(_ run: RunID, _ token: Tokens.Token) {
        guard let id = requestOf[run], var state = runs[id] else { return }
        let message = Tokens(request: id, first: state.tokens.count, tokens: [token])
        state.tokens.append(token)
        runs[id] = state
        for peer in state.listeners.sorted() { directives.append(.send(peer, .tokens(message))) }
    }

    private mutating func end(_ run: RunID, _ result: Result<AnswerSummary, AnswerError>, now: Moment) {
        guard inEngine.remove(run) != nil else { return }
        // Cancelled runs count too: they gave back a place.
        pace.add(now)
        guard let id = requestOf[run] else { return }
        conclude(id, result, now: now)
    }

    /// The one place where a run ends: every listener gets exactly one Done or Refused.
    mutating func conclude(_ id: String, _ result: Result<AnswerSummary, AnswerError>, now: Moment) {
        guard let run = runs.removeValue(forKey: id) else { return }
        requestOf[run.id] = nil
        waiting.removeAll { $0 == id }
        for peer in run.listeners.sorted() {
            forget(id, peer)
            switch result {
            case .success(let summary):
                counters.done += 1
                directives.append(.send(peer, .done(Done(request: id, summary))))
            case .failure(let error):
                let advice = error.retryAfter ?? (error.code == .overloaded ? retryAdvice(now: now) : nil)
                refuse(id, peer, error.code, error.reason, retryAfter: advice)
            }
        }
    }

    mutating func refuse(
        _ id: String, _ peer: PeerIdentity, _ code: AnswerError.Code, _ reason: String, retryAfter: Duration? = nil
    ) {
        counters.refused += 1
        let milliseconds = retryAfter.map { Int((min(max($0, .milliseconds(1)), .seconds(3600)) / .milliseconds(1)).rounded()) }
        directives.append(
            .send(peer, .refused(Refusal(request: id, code: code.rawValue, reason: reason, retryAfterMilliseconds: milliseconds))))
    }

    private mutating func refuseForNow(_ id: String, _ peer: PeerIdentity, _ reason: String, now: Moment) {
        counters.overloaded += 1
        refuse(id, peer, .overloaded, reason, retryAfter: retryAdvice(now: now))
    }

    /// By then half of those that wait now have had their turn, if requests end as fast as of late.
    private func retryAdvice(now: Moment) -> Duration {
        let most: Duration = .seconds(30)
        guard let perSecond = pace.perSecond(now: now) else { return .seconds(1) }
        return min(max(.seconds(Double(waiting.count + 1) / 2 / max(perSecond, 0.001)), .milliseconds(100)), most)
    }
}
