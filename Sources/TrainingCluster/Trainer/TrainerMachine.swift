import Wire

/// The trainer's side of the trainer protocol: which calls arrived, whose turn it is, which answers are kept.
///
/// Events in, directives out; no socket and no clock.
struct TrainerMachine {
    /// Everything that does not change.
    struct Configuration: Sendable {
        var hello: TrainerHello
        var beat: Duration = .seconds(1)
        /// A coordinator that is silent for this many beats is greeted again, on a new connection.
        var liveness = 3
        /// How many times longer it is waited at most when new connections did not help: a large call over a slow link must
        /// not be cut off for ever.
        var mostPatience = 16
        /// Calls that wait. More are ignored until there is room: the coordinator repeats them.
        var mostQueued = 256
        /// Earlier sessions that are remembered, so that a late message cannot begin one of them anew.
        var pastSessions = 64
        /// After `helloFirst`, lest two confused sides talk without end.
        var pause: Duration = .milliseconds(50)
        /// When there are too many trainers already: the first pause before the next Hello; it doubles up to the longest.
        var firstRetry: Duration = .seconds(1)
        var longestRetry: Duration = .seconds(32)

        init(hello: TrainerHello) { self.hello = hello }
    }

    enum Event {
        case start
        case message(MessageToTrainer)
        case malformed(WireError)
        /// What came of a call that was to be computed.
        case computed(session: UInt64, number: UInt64, Result<TrainerResult, TrainerFailure>)
        case leave(reason: String)
        case tick
    }

    enum Directive {
        /// Open the socket anew, dropping what it had.
        case reopen
        case send(TrainerMessage)
        /// Carry out a call; there is never more than one. Answered by `computed`.
        case compute(session: UInt64, number: UInt64, TrainerCall)
        /// Let go of what the session held, after what still computes for it.
        case forget
        /// The coordinator does not want this trainer.
        case rejected(Rejection)
        /// Goodbye is said.
        case left
        case note(Note)
    }

    enum Link: Equatable {
        case away(until: Moment)
        case open
    }

    struct Job: Hashable {
        let session: UInt64
        let number: UInt64
    }

    let configuration: Configuration
    var counters = TrainerCounters()
    var session: TrainerSession?
    /// What the compute thread is busy with, perhaps for a session that is over.
    private(set) var computing: Job?
    private var past: [UInt64] = []
    var link: Link?
    var lastHeard: Moment
    var lastBeat: Moment
    /// Connections since a call arrived last.
    var greetings = 0
    /// The next pause before a Hello to a coordinator that has too many trainers.
    private var retry: Duration
    var hasEnded = false
    private var ownSleep = OwnSleep()
    var directives: [Directive] = []

    init(_ configuration: Configuration, now: Moment = .now) {
        self.configuration = configuration
        retry = configuration.firstRetry
        lastHeard = now
        lastBeat = now
    }

    /// Takes one event.
    ///
    /// - Returns: what is to be done, in this order.
    mutating func handle(_ event: Event, now: Moment) -> [Directive] {
        guard !hasEnded else { return [] }
        lastHeard += ownSleep.length(now: now, beat: configuration.beat)
        switch event {
        case .start: greet(now: now)
        case .message(let message): take(message, now: now)
        case .malformed(let error): distrust(error, now: now)
        case .computed(let session, let number, let result): take(result, of: Job(session: session, number: number))
        case .leave(let reason): leave(reason)
        case .tick: tick(now: now)
        }
        startComputing()
        defer { directives = [] }
        return directives
    }

    private mutating func take(_ message: MessageToTrainer, now: Moment) {
        // Between two connections nothing is said that still counts.
        guard link == .open else { return }
        lastHeard = now
        switch message {
        case .beat: retry = configuration.firstRetry
        case .call(let call):
            retry = configuration.firstRetry
            take(call)
        case .rejected(let rejection): take(rejection, now: now)
        case .goodbye(let reason):
            directives.append(.note(.info("the coordinator said goodbye: \(reason)")))
            endSessionForGood()
            link = .away(until: now + configuration.beat)
        }
    }

    private mutating func take(_ rejection: Rejection, now: Moment) {
        switch rejection.code {
        case .helloFirst:
            // The coordinator forgot us, or is a new one.
            link = .away(until: now + configuration.pause)
        case .overloaded:
            // Others may leave.
            directives.append(.note(.warning("the coordinator takes no more trainers now: \(rejection.reason); asking again in \(retry)")))
            link = .away(until: now + retry)
            retry = min(retry * 2, configuration.longestRetry)
        default:
            hasEnded = true
            directives.append(.rejected(rejection))
        }
    }

    // MARK: - Calls

    private mutating func take(_ call: NumberedCall) {
        if session?.id != call.session {
            guard call.number == 1, call.call.opensSession, !past.contains(call.session) else {
                counters.foreign += 1
                let reason = "this trainer is not in session \(call.session)"
                return answer(TrainerAnswer(session: call.session, number: call.number, result: .failure(TrainerFailure(.noSession, reason))))
            }
            endSession()
            session = TrainerSession(id: call.session)
        }
        guard var session else { return }
        defer { self.session = session }
        session.acknowledge(upTo: call.acknowledged)
        guard call.number > session.accepted else {
            counters.repeats += 1
            // If it is not kept it is under way, or its answer has arrived.
            if let kept = session.kept.first(where: { $0.number == call.number }) { answer(kept) }
            return
        }
        guard call.number == session.accepted + 1, session.queue.count < configuration.mostQueued else {
            counters.ignored += 1
            return
        }
        greetings = 0
        session.accepted = call.number
        session.queue.append(call)
    }

    /// Hands the next call to the compute thread when that has nothing to do.
    private mutating func startComputing() {
        guard !hasEnded, computing == nil, let session, let next = session.queue.first else { return }
        self.session?.queue.removeFirst()
        computing = Job(session: session.id, number: next.number)
        directives.append(.compute(session: session.id, number: next.number, next.call))
    }

    private mutating func take(_ result: Result<TrainerResult, TrainerFailure>, of job: Job) {
        guard computing == job else { return }
        computing = nil
        guard session?.id == job.session else {
            counters.dropped += 1
            return
        }
        let answer = TrainerAnswer(session: job.session, number: job.number, result: result)
        session?.answered = job.number
        session?.kept.append(answer)
        counters.carriedOut += 1
        self.answer(answer)
    }

    private mutating func answer(_ answer: TrainerAnswer) {
        // Without a connection it is kept, or belongs to nobody who is there.
        if link == .open { directives.append(.send(.answer(answer))) }
    }

    /// Forgets everything of the session; what computes for it goes on, but nobody hears of it.
    mutating func endSession() {
        guard let session else { return }
        past.append(session.id)
        if past.count > configuration.pastSessions { past.removeFirst() }
        self.session = nil
    }

    /// No other session has begun, and perhaps none will for long: its memory is given back.
    mutating func endSessionForGood() {
        guard session != nil else { return }
        endSession()
        directives.append(.forget)
    }
}
