import MedMoE
import Wire

/// The asker's side of the client protocol.
///
/// Events in, directives out; no socket and no clock. Every question ends: with an answer, a refusal, or the discovery that
/// nobody is there.
public struct ClientMachine {
    /// Everything that does not change.
    public struct Configuration: Sendable {
        /// For messages to people.
        public var endpoint: String
        public var beat: Duration = .seconds(1)
        /// A coordinator that is silent for this many beats is gone.
        public var liveness = 3
        /// The coordinator keeps deadlines; this long after one, we do.
        public var grace: Duration = .seconds(5)

        public init(endpoint: String) { self.endpoint = endpoint }
    }

    /// Names one question of this process.
    public typealias Question = UInt64

    public enum Event {
        case ask(Question, Ask)
        /// The asker does not want the answer any more.
        case cancel(Question)
        case inquire(UInt64, timeout: Duration)
        /// A worker is to change what it holds; takes as long as loading takes.
        case assign(AssignExperts, timeout: Duration)
        case message(CoordinatorReply)
        /// A message that could not be read.
        case malformed(WireError)
        /// A question could not be put into a message.
        case unsendable(Question, WireError)
        /// There can be no link: a key is refused, or only one side encrypts.
        case refused(AnswerError)
        case close
        case tick
    }

    public enum Directive {
        /// Drop the connection and what is on its way.
        case reopen
        case ask(Question, Ask)
        case send(ClientMessage)
        case yield(Question, AnswerEvent)
        case finish(Question, AnswerError?)
        case status(UInt64, Result<StatusReply, AnswerError>)
        case assigned(UInt64, Result<AssignReply, AnswerError>)
    }

    private struct Pending {
        let request: String
        let latest: Moment
        var next = 0
    }

    public let configuration: Configuration
    private var pending: [Question: Pending] = [:]
    private var inquiries: [UInt64: Moment] = [:]
    private var assignments: [UInt64: Moment] = [:]
    /// When the coordinator was last heard of, or when waiting for it began.
    private var lastHeard: Moment?
    private var lastBeat: Moment?
    /// The coordinator was away when last we heard of it: libzmq may be in a long pause between two attempts to connect.
    private var wasAway = false
    private var directives: [Directive] = []

    public init(_ configuration: Configuration) { self.configuration = configuration }

    /// Takes one event.
    ///
    /// - Returns: what is to be done, in this order.
    public mutating func handle(_ event: Event, now: Moment) -> [Directive] {
        switch event {
        case .ask(let question, let ask): self.ask(question, ask, now: now)
        case .cancel(let question): cancel(question)
        case .inquire(let inquiry, let timeout):
            startListening(now: now)
            inquiries[inquiry] = now + timeout
            directives.append(.send(.status(inquiry: inquiry)))
        case .assign(let assign, let timeout):
            startListening(now: now)
            assignments[assign.inquiry] = now + timeout
            directives.append(.send(.assign(assign)))
        case .message(let reply):
            lastHeard = now
            take(reply)
        case .malformed(let error):
            failAll(AnswerError(.protocolViolation, "\(configuration.endpoint) sent a message that cannot be understood: \(error)"))
        case .unsendable(let question, let error): finish(question, AnswerError(unsendable: error))
        case .refused(let error):
            // libzmq does not try again after that.
            wasAway = true
            failAll(error)
        case .close: failAll(AnswerError(.cancelled, "the client was closed"))
        case .tick: tick(now: now)
        }
        if pending.isEmpty, inquiries.isEmpty, assignments.isEmpty { lastHeard = nil }
        defer { directives = [] }
        return directives
    }

    private mutating func ask(_ question: Question, _ ask: Ask, now: Moment) {
        startListening(now: now)
        pending[question] = Pending(
            request: ask.question.request,
            latest: now + .milliseconds(ask.question.deadlineMilliseconds) + configuration.grace)
        directives.append(.ask(question, ask))
    }

    /// Silence counts from the first question after a pause.
    private mutating func startListening(now: Moment) {
        guard lastHeard == nil else { return }
        if wasAway { directives.append(.reopen) }
        wasAway = false
        lastHeard = now
        lastBeat = now
    }

    private mutating func cancel(_ question: Question) {
        guard let gone = pending.removeValue(forKey: question) else { return }
        // Another question of this process may have joined the same request.
        if !pending.values.contains(where: { $0.request == gone.request }) { directives.append(.send(.cancel(request: gone.request))) }
    }

    private mutating func take(_ reply: CoordinatorReply) {
        switch reply {
        case .beat, .probe: break
        case .tokens(let tokens): for question in questions(of: tokens.request) { pass(tokens, to: question) }
        case .done(let done):
            for question in questions(of: done.request) {
                directives.append(.yield(question, .done(AnswerSummary(done))))
                finish(question, nil)
            }
        case .refused(let refusal):
            if refusal.code == AnswerError.Code.unavailable.rawValue { wasAway = true }
            if refusal.request.isEmpty { return failAll(AnswerError(refusal)) }
            for question in questions(of: refusal.request) { finish(question, AnswerError(refusal)) }
        case .status(let reply):
            if inquiries.removeValue(forKey: reply.inquiry) != nil { directives.append(.status(reply.inquiry, .success(reply))) }
        case .assigned(let reply):
            if assignments.removeValue(forKey: reply.inquiry) != nil { directives.append(.assigned(reply.inquiry, .success(reply))) }
        }
    }

    private func questions(of request: String) -> [Question] {
        pending.filter { $0.value.request == request }.keys.sorted()
    }

    /// Tokens that this question has already are skipped: a request that was joined is told from the beginning.
    private mutating func pass(_ tokens: Tokens, to question: Question) {
        guard let next = pending[question]?.next else { return }
        guard tokens.first <= next else {
            return finish(
                question, AnswerError(.protocolViolation, "token \(tokens.first) of the answer came after \(next) tokens: some were lost"))
        }
        let new = tokens.tokens.dropFirst(next - tokens.first)
        pending[question]?.next += new.count
        for token in new { directives.append(.yield(question, .token(id: token.id, text: token.text))) }
    }

    private mutating func tick(now: Moment) {
        if let heard = lastHeard, heard + configuration.beat * configuration.liveness <= now {
            failAll(
                AnswerError(
                    .unavailable, "no coordinator answers at \(configuration.endpoint): is it running, is this its --serve address, and does it encrypt its links (then both sides need --key)?"))
            directives.append(.reopen)
            wasAway = true
            return
        }
        for (question, state) in pending.sorted(by: { $0.key < $1.key }) where state.latest <= now {
            directives.append(.send(.cancel(request: state.request)))
            finish(question, AnswerError(.deadline, "the deadline passed"))
        }
        for (inquiry, latest) in inquiries.sorted(by: { $0.key < $1.key }) where latest <= now {
            inquiries[inquiry] = nil
            directives.append(.status(inquiry, .failure(AnswerError(.deadline, "\(configuration.endpoint) did not tell its status in time"))))
        }
        for (inquiry, latest) in assignments.sorted(by: { $0.key < $1.key }) where latest <= now {
            assignments[inquiry] = nil
            let reason = "\(configuration.endpoint) did not say in time that the worker is done: it may still be loading, `medmoe status` tells"
            directives.append(.assigned(inquiry, .failure(AnswerError(.deadline, reason))))
        }
        if let beat = lastBeat, !(pending.isEmpty && assignments.isEmpty), beat + configuration.beat <= now {
            lastBeat = now
            let requests = Array(Set(pending.values.map(\.request))).sorted()
            directives.append(.send(.beat(requests: Array(requests.prefix(WireLimits.beatRequests)))))
        }
    }

    private mutating func finish(_ question: Question, _ error: AnswerError?) {
        guard pending.removeValue(forKey: question) != nil else { return }
        directives.append(.finish(question, error))
    }

    private mutating func failAll(_ error: AnswerError) {
        for question in pending.keys.sorted() { finish(question, error) }
        for inquiry in inquiries.keys.sorted() { directives.append(.status(inquiry, .failure(error))) }
        inquiries = [:]
        for inquiry in assignments.keys.sorted() { directives.append(.assigned(inquiry, .failure(error))) }
        assignments = [:]
    }

    /// When `tick` must come next.
    public var nextWake: Moment? {
        guard let heard = lastHeard else { return nil }
        let beats = pending.isEmpty && assignments.isEmpty ? nil : lastBeat.map { $0 + configuration.beat }
        return [
            heard + configuration.beat * configuration.liveness, beats, pending.values.map(\.latest).min(), inquiries.values.min(),
            assignments.values.min(),
        ].compactMap { $0 }.min()
    }
}
