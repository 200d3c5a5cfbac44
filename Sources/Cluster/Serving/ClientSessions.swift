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
        /// No more requests; those that are there end.
        case close(reason: String)
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
        case note(Note)
    }

    public let configuration: Configuration
    public internal(set) var counters = ClientCounters()

    /// Why requests are not taken; nil when they are.
    var closed: String? = "the coordinator is starting"
    /// By request id.
    var runs: [String: Run] = [:]
    var requestOf: [RunID: String] = [:]
    /// Ids of runs that wait for a place, oldest first.
    var waiting: [String] = []
    /// Runs in the engine, also cancelled ones that have not ended yet.
    var inEngine: Set<RunID> = []
    var peers: [PeerIdentity: ClientPeer] = [:]
    var nextRun: UInt64 = 0
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
        case .close(let reason): close(reason)
        case .message(let peer, let message):
            peers[peer]?.lastHeard = now
            switch message {
            case .ask(let ask): take(ask, from: peer, now: now)
            case .cancel(let request): leave(request, peer)
            case .beat(let requests): answerBeat(of: peer, requests)
            case .assign: break
            case .status(let inquiry): directives.append(.status(peer, inquiry: inquiry))
            }
        case .malformed(let peer, let error):
            counters.malformed += 1
            if case .foreign = error { break }
            refuse("", peer, .protocolViolation, error.description)
        case .unreachable(let peer): vanish(peer, because: "it cannot be reached")
        case .token(let run, let id, let text): pass(run, Tokens.Token(id: id, text: text))
        case .ended(let run, let result): end(run, result)
        case .tick: tick(now: now)
        }
        startWaiting(now: now)
        defer { directives = [] }
        return directives
    }

    // MARK: - Requests

    private mutating func take(_ ask: Ask, from peer: PeerIdentity, now: Moment) {
        let id = ask.question.request
        if let closed { return refuse(id, peer, .unavailable, closed) }
        guard peers[peer] != nil || peers.count < configuration.mostClients else {
            counters.overloaded += 1
            return refuse(id, peer, .overloaded, "\(peers.count) clients are waiting for answers, which is all that fit: try again later")
        }
        if runs[id] != nil { return join(ask, from: peer, now: now) }
        guard inEngine.count + waiting.count < configuration.mostRunning + configuration.mostWaiting else {
            counters.overloaded += 1
            return refuse(
                id, peer, .overloaded, "\(inEngine.count) requests are running and \(waiting.count) waiting, which is all that fits: try again later")
        }
        let held = runs.values.reduce(0) { $0 + $1.imageBytes }
        guard held + ask.images.byteCount <= configuration.mostImageBytes else {
            counters.overloaded += 1
            return refuse(
                id, peer, .overloaded, "the images of all requests would have \(held + ask.images.byteCount) bytes, the limit is \(configuration.mostImageBytes): try again later")
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
                conclude(id, .failure(AnswerError(.deadline, "the deadline passed while the request was waiting")))
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

    private mutating func end(_ run: RunID, _ result: Result<AnswerSummary, AnswerError>) {
        guard inEngine.remove(run) != nil, let id = requestOf[run] else { return }
        conclude(id, result)
    }

    /// The one place where a run ends: every listener gets exactly one Done or Refused.
    private mutating func conclude(_ id: String, _ result: Result<AnswerSummary, AnswerError>) {
        guard let run = runs.removeValue(forKey: id) else { return }
        requestOf[run.id] = nil
        waiting.removeAll { $0 == id }
        for peer in run.listeners.sorted() {
            forget(id, peer)
            switch result {
            case .success(let summary):
                counters.done += 1
                directives.append(.send(peer, .done(Done(request: id, summary))))
            case .failure(let error): refuse(id, peer, error.code, error.reason)
            }
        }
    }

    private mutating func refuse(_ id: String, _ peer: PeerIdentity, _ code: AnswerError.Code, _ reason: String) {
        counters.refused += 1
        directives.append(.send(peer, .refused(Refusal(request: id, code: code.rawValue, reason: reason))))
    }

    // MARK: - Clients that come and go

    private mutating func answerBeat(of peer: PeerIdentity, _ requests: [String]) {
        directives.append(.send(peer, .beat))
        for id in requests where !(runs[id]?.listeners.contains(peer) ?? false) {
            refuse(id, peer, .unavailable, "the coordinator does not know request '\(id)': it was restarted, or lost sight of the client; ask again")
        }
    }

    /// A client does not want a request any more.
    private mutating func leave(_ id: String, _ peer: PeerIdentity) {
        guard var run = runs[id], run.listeners.remove(peer) != nil else { return }
        forget(id, peer)
        runs[id] = run
        guard run.listeners.isEmpty else { return }
        runs[id] = nil
        requestOf[run.id] = nil
        waiting.removeAll { $0 == id }
        counters.cancelled += 1
        if run.isRunning { directives.append(.cancel(run.id)) }
    }

    private mutating func forget(_ id: String, _ peer: PeerIdentity) {
        peers[peer]?.requests.remove(id)
        if peers[peer]?.requests.isEmpty ?? false { peers[peer] = nil }
    }

    private mutating func vanish(_ peer: PeerIdentity, because reason: String) {
        guard let state = peers[peer] else { return }
        counters.vanished += 1
        directives.append(.note(.info("client \(peer) with \(state.requests.count) requests is gone: \(reason)")))
        for id in state.requests.sorted() { leave(id, peer) }
    }

    private mutating func close(_ reason: String) {
        closed = reason
        for id in runs.keys.sorted() {
            if let run = runs[id], run.isRunning { directives.append(.cancel(run.id)) }
            conclude(id, .failure(AnswerError(.unavailable, reason)))
        }
    }

    // MARK: - Time

    private mutating func tick(now: Moment) {
        for (peer, state) in peers.sorted(by: { $0.key < $1.key }) {
            if state.lastHeard + configuration.beat * configuration.liveness <= now {
                vanish(peer, because: "it was silent for \(configuration.beat * configuration.liveness)")
            } else if state.lastSent + configuration.probe <= now {
                peers[peer]?.lastSent = now
                directives.append(.send(peer, .probe))
            }
        }
        for (id, run) in runs.sorted(by: { $0.key < $1.key }) where latest(run) <= now {
            if run.isRunning { directives.append(.cancel(run.id)) }
            conclude(id, .failure(AnswerError(.deadline, "the deadline passed")))
        }
    }

    private func latest(_ run: Run) -> Moment { run.isRunning ? run.deadline + configuration.grace : run.deadline }

    /// When `tick` must come next.
    public var nextWake: Moment? {
        let silence = configuration.beat * configuration.liveness
        let ofPeers = peers.values.map { min($0.lastHeard + silence, $0.lastSent + configuration.probe) }.min()
        let ofRuns = runs.values.map(latest).min()
        return [ofPeers, ofRuns].compactMap { $0 }.min()
    }
}

/// What happened so far.
public struct ClientCounters: Sendable, Hashable {
    public var accepted: UInt64 = 0
    public var joined: UInt64 = 0
    public var done: UInt64 = 0
    public var refused: UInt64 = 0
    public var overloaded: UInt64 = 0
    public var cancelled: UInt64 = 0
    public var vanished: UInt64 = 0
    public var malformed: UInt64 = 0

    /// By name, for reports.
    public var named: [String: UInt64] {
        [
            "requests_accepted": accepted, "requests_joined": joined, "requests_done": done, "requests_refused": refused,
            "requests_overloaded": overloaded, "requests_cancelled": cancelled, "clients_vanished": vanished,
            "client_messages_malformed": malformed,
        ]
    }
}

/// A request and who waits for it.
struct Run {
    let id: RunID
    let request: AnswerRequest
    let imageBytes: Int
    let deadline: Moment
    var listeners: Set<PeerIdentity>
    var isRunning = false
    /// All tokens so far, for those who join.
    var tokens: [Tokens.Token] = []
}

/// A client that waits for something.
struct ClientPeer {
    var lastHeard: Moment
    var lastSent: Moment
    var requests: Set<String> = []
}
