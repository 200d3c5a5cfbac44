import Training
import Wire

/// The coordinator's side of the trainer protocol: who is there, the session, the calls without an answer.
///
/// Events in, directives out; no socket and no clock. A message that could not be sent needs no event: beats show what did
/// not arrive, and silence who is gone.
struct TrainerSessions {
    typealias Trainer = TrainerPort.Trainer

    /// Everything that does not change.
    struct Configuration: Sendable {
        var beat: Duration = .seconds(1)
        /// A trainer that is silent for this many beats, and as long as its largest answer under way needs, is lost.
        var liveness = 3
        /// Calls under way to one trainer, and so answers that it keeps.
        var mostUnanswered = 16
        /// Bytes of numbers under way to one trainer, unless one call has more.
        var mostUnansweredBytes = 64 << 20
        /// A message may be on its way as long as this many bytes a second need, before it counts as lost.
        var slowestLink = 4 << 20
        /// How long a trainer may take for a call when it is the call's turn, beside what its rows and its numbers need. One that takes
        /// longer is lost, though it says that it is alive.
        var callPatience: Duration = .seconds(300)
        /// Rows that a trainer computes at least in a second: 2 GFLOP for those of large experts, backward.
        var slowestRows = 10
        /// How long it may take for an Open, which may have to wait for the end of a call of a session that is over.
        var openPatience: Duration = .seconds(1800)
        var mostTrainers = LinkLimits.connections
    }

    enum Event {
        case message(PeerIdentity, TrainerMessage)
        case malformed(PeerIdentity, WireError)
        /// A peer that must not be talked to any more.
        case cut(PeerIdentity)
        /// Begins a session, whose name was never used before. Answered by `began`.
        case begin(session: UInt64, [Trainer])
        /// Answered by `finish`, once.
        case call(CallID, TrainerCall, of: Trainer)
        case close(reason: String)
        case tick
    }

    enum Directive {
        case send(PeerIdentity, MessageToTrainer, repeated: Bool)
        case began(session: UInt64, TrainerLost?)
        case finish(CallID, Result<TrainerResult, CallFailure>)
        case note(Note)
    }

    /// A trainer that is there.
    struct Present {
        let trainer: Trainer
        let arrival: UInt64
        var lastHeard: Moment
        /// Bytes of the largest answer that may still come of sessions that are over.
        var lateAnswer = 0
    }

    struct Session {
        let id: UInt64
        var trainers: [PeerIdentity: OutstandingCalls]
        /// The first trainer that was lost: nothing of this session counts any more.
        var lost: TrainerLost?
    }

    let configuration: Configuration
    var counters = TrainerSessionCounters()
    var present: [PeerIdentity: Present] = [:]
    var session: Session?
    /// Runs of trainers that did not answer in time: they are there, but no session should begin with them.
    var stuck: Set<PeerIdentity> = []
    var directives: [Directive] = []
    private var arrivals: UInt64 = 0
    private var lastBeat: Moment?
    private(set) var isClosed = false
    private var ownSleep = OwnSleep()

    init(_ configuration: Configuration) { self.configuration = configuration }

    /// Those that are there, in the order of their arrival.
    var trainers: [Trainer] { present.values.sorted { $0.arrival < $1.arrival }.map(\.trainer) }

    /// Takes one event.
    ///
    /// - Returns: what is to be done, in this order.
    mutating func handle(_ event: Event, now: Moment) -> [Directive] {
        forgiveOwnSleep(now: now)
        switch event {
        case .message(let peer, let message): if !isClosed { take(message, from: peer, now: now) }
        case .malformed(let peer, let error): if !isClosed { distrust(peer, error) }
        case .cut(let peer): lose(peer, because: "its key is not authorised any more")
        case .begin(let session, let trainers): begin(session, with: trainers)
        case .call(let id, let call, let trainer): take(call, id, of: trainer, now: now)
        case .close(let reason): close(reason)
        case .tick: tick(now: now)
        }
        defer { directives = [] }
        return directives
    }

    // MARK: - Trainers

    private mutating func take(_ message: TrainerMessage, from peer: PeerIdentity, now: Moment) {
        if case .hello(let hello) = message { return greet(peer, hello, now: now) }
        guard present[peer] != nil else {
            // A goodbye of somebody unknown needs no answer.
            if case .goodbye = message { return }
            counters.strangers += 1
            return send(peer, .rejected(Rejection(code: .helloFirst, reason: "there is no trainer of this name: say Hello")))
        }
        present[peer]?.lastHeard = now
        switch message {
        case .hello: break
        case .beat(let beat): take(beat, from: peer, now: now)
        case .answer(let answer): take(answer, from: peer, now: now)
        case .goodbye(let reason): lose(peer, because: "it said goodbye: \(reason)")
        }
    }

    private mutating func greet(_ peer: PeerIdentity, _ hello: TrainerHello, now: Moment) {
        guard peer == .worker(hello.incarnation) else {
            return send(peer, .rejected(Rejection(code: .malformed, reason: "the socket's identity is not 'W' and the incarnation")))
        }
        if present[peer] != nil {
            present[peer]?.lastHeard = now
            present[peer]?.lateAnswer = 0
            send(peer, .beat)
            // A new connection: nobody knows what the one before still had.
            return repeatCalls(to: peer, now: now) { _, _ in true }
        }
        guard !stuck.contains(peer) else {
            let reason = "this trainer left a call without an answer for too long: end it, and start it again"
            return send(peer, .rejected(Rejection(code: .overloaded, reason: reason)))
        }
        guard present.count < configuration.mostTrainers else {
            let reason = "there are \(present.count) trainers already, the limit is \(configuration.mostTrainers)"
            return send(peer, .rejected(Rejection(code: .overloaded, reason: reason)))
        }
        let trainer = Trainer(incarnation: hello.incarnation, name: hello.name)
        present[peer] = Present(trainer: trainer, arrival: arrivals, lastHeard: now)
        arrivals += 1
        counters.arrived += 1
        if lastBeat == nil { lastBeat = now }
        directives.append(.note(.info("trainer \(trainer) is there")))
        send(peer, .beat)
    }

    /// A trainer is gone, and with it the session if it was in it.
    mutating func lose(_ peer: PeerIdentity, because reason: String) {
        guard let trainer = present.removeValue(forKey: peer)?.trainer else { return }
        counters.lost += 1
        directives.append(.note(.warning("lost trainer \(trainer): \(reason)")))
        if session?.trainers[peer] != nil { fail(TrainerLost(name: trainer.name, reason: reason)) }
    }

    private mutating func distrust(_ peer: PeerIdentity, _ error: WireError) {
        counters.malformed += 1
        lose(peer, because: "it sent a message that cannot be read: \(error)")
        if case .foreign = error { return }
        let code: Rejection.Code = if case .version = error { .protocolVersion } else { .malformed }
        send(peer, .rejected(Rejection(code: code, reason: error.description)))
    }

    private mutating func close(_ reason: String) {
        guard !isClosed else { return }
        isClosed = true
        for trainer in trainers { send(.worker(trainer.incarnation), .goodbye(reason: reason)) }
        present = [:]
        finishAll(.cancelled)
    }

    mutating func send(_ peer: PeerIdentity, _ message: MessageToTrainer, repeated: Bool = false) {
        directives.append(.send(peer, message, repeated: repeated))
    }

    // MARK: - Time

    private mutating func tick(now: Moment) {
        for trainer in trainers {
            let peer = PeerIdentity.worker(trainer.incarnation)
            let silence = silence(of: peer)
            if let heard = present[peer]?.lastHeard, heard + silence <= now { lose(peer, because: "it was silent for \(silence)") }
            loseIfOverdue(peer, now: now)
        }
        guard let last = lastBeat, last + configuration.beat <= now else { return }
        lastBeat = present.isEmpty ? nil : now
        for trainer in trainers { send(.worker(trainer.incarnation), .beat) }
    }

    /// When `tick` must come next.
    var nextWake: Moment? {
        guard !isClosed else { return nil }
        let silent = present.map { $1.lastHeard + silence(of: $0) }.min()
        let overdue = present.keys.compactMap { deadline(of: $0) }.min()
        return [lastBeat.map { $0 + configuration.beat }, silent, overdue].compactMap { $0 }.min()
    }

    /// How long a trainer may be silent now: on its only connection, its beats wait for the end of an answer that is being sent.
    private func silence(of peer: PeerIdentity) -> Duration {
        let bytes = max(present[peer]?.lateAnswer ?? 0, session?.trainers[peer]?.largestAnswer ?? 0)
        return configuration.beat * configuration.liveness + .seconds(Double(bytes) / Double(configuration.slowestLink))
    }

    private mutating func forgiveOwnSleep(now: Moment) {
        let slept = ownSleep.length(now: now, beat: configuration.beat)
        guard slept > .zero else { return }
        for peer in present.keys {
            present[peer]?.lastHeard += slept
            session?.trainers[peer]?.forgive(slept)
        }
    }
}

/// What happened so far.
struct TrainerSessionCounters: Sendable, Hashable {
    var arrived: UInt64 = 0
    var lost: UInt64 = 0
    /// Messages of peers that did not say Hello.
    var strangers: UInt64 = 0
    var malformed: UInt64 = 0
    var answers: UInt64 = 0
    /// Answers that had arrived before.
    var repeatedAnswers: UInt64 = 0
    /// Answers of sessions that are over.
    var staleAnswers: UInt64 = 0
    var repeatedCalls: UInt64 = 0
}
