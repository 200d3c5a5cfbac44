import Language
import Tensors

/// A request between its acceptance and its end; lives on the engine's executor.
final class RunningRequest {
    typealias Continuation = AsyncThrowingStream<AnswerEvent, any Error>.Continuation

    /// What generation is about.
    enum Goal {
        case generate
        /// Label tokens, the end token included, and what was found so far.
        case classify(labels: [(text: String, tokens: [Int])], found: [AnswerSummary.LabelScore])
    }

    let request: AnswerRequest
    let handle: AskHandle
    let continuation: Continuation
    let accepted: ContinuousClock.Instant
    let deadline: ContinuousClock.Instant
    /// Orders requests by their admission.
    var sequence = 0
    /// What holds the request up at the moment; nil when its last step succeeded.
    var trouble: DispatchError?
    /// Whether rows were computed without their expert.
    var isDegraded = false

    // Set when the request is admitted.
    private(set) var prompt: EmbeddedPrompt?
    private(set) var cache: KeyValueCache?
    private(set) var goal: Goal = .generate
    private(set) var tokenLimit = 0
    private var admitted: ContinuousClock.Instant
    private var prefillStarted: ContinuousClock.Instant
    private var firstToken: ContinuousClock.Instant?

    private(set) var tokens: [Int] = []
    private var text = ""
    private var sampler: Sampler
    private var decoder: StreamingDecoder
    private var stops: StopStringMatcher
    private var promptLogSums: [Double] = []
    var tally = RoutingTally()

    init(
        request: AnswerRequest, handle: AskHandle, continuation: Continuation, tokenizer: ByteLevelTokenizer,
        now: ContinuousClock.Instant
    ) throws {
        self.request = request
        self.handle = handle
        self.continuation = continuation
        accepted = now
        admitted = now
        prefillStarted = now
        deadline = now.advanced(by: .milliseconds(request.deadlineMilliseconds))
        do {
            sampler = Sampler(
                try SamplingParameters(
                    temperature: request.sampling.temperature, topK: request.sampling.topK, topP: request.sampling.topP,
                    seed: request.sampling.seed))
            stops = try StopStringMatcher(request.stopStrings)
        } catch {
            throw AnswerError(.invalidRequest, "\(error)")
        }
        decoder = StreamingDecoder(tokenizer: tokenizer)
    }

    /// Notes the start of the work on this request.
    func admit(at now: ContinuousClock.Instant) { admitted = now }

    /// Gives the request its prompt and its cache.
    func begin(prompt: EmbeddedPrompt, cache: KeyValueCache, goal: Goal, tokenLimit: Int, at now: ContinuousClock.Instant) {
        self.prompt = prompt
        self.cache = cache
        self.goal = goal
        self.tokenLimit = tokenLimit
        prefillStarted = now
    }

    /// What the next step has to compute; nil before `begin`.
    var need: StepPlan.Need? {
        guard let prompt, let cache else { return nil }
        if cache.length < prompt.rows.count { return .prefill(cache.length..<prompt.rows.count) }
        switch goal {
        case .generate: return .decode
        case .classify(let labels, let found): return .label(rows: labels[found.count].tokens.count - 1)
        }
    }

    /// Takes the logits of the last row of the prompt, or of the token chosen last.
    ///
    /// - Parameter endToken: what ends the answer; nil when only its length does.
    /// - Returns: the summary when the request has ended.
    func take(logits: UnsafeBufferPointer<Float>, endToken: Int?, now: ContinuousClock.Instant) throws -> AnswerSummary.Finish? {
        if firstToken == nil { firstToken = now }
        let token = try sampler.next(logits)
        guard token != endToken else {
            return pass(decoder.finish(), isLast: true) ?? .end
        }
        tokens.append(token)
        let before = text.utf8.count
        var finish = pass(decoder.push(token), isLast: false)
        if finish == nil, tokens.count >= tokenLimit { finish = pass(decoder.finish(), isLast: true) ?? .length }
        continuation.yield(.token(id: token, text: String(decoding: text.utf8.dropFirst(before), as: UTF8.self)))
        return finish
    }

    /// Lets text through the stop strings into the answer.
    ///
    /// - Returns: `.stop` when a stop string ended the answer.
    private func pass(_ new: String, isLast: Bool) -> AnswerSummary.Finish? {
        let output = stops.push(new)
        append(output.text)
        if output.stop != nil { return .stop }
        if isLast { append(stops.finish()) }
        return nil
    }

    /// White space before the first word is not part of an answer.
    private func append(_ new: String) {
        text += text.isEmpty ? String(new.drop(while: \.isWhitespace)) : new
    }

    /// The end of a request, for the asker.
    func summary(_ finish: AnswerSummary.Finish, modelDigest: String, now: ContinuousClock.Instant) -> AnswerSummary {
        var scores: [AnswerSummary.LabelScore] = []
        if case .classify(_, let found) = goal { scores = found }
        let prefillEnd = firstToken ?? now
        return AnswerSummary(
            answer: text.trimmingTrailingWhitespace, tokenIDs: tokens, promptTokens: prompt?.rows.count ?? 0, finish: finish, modelDigest: modelDigest,
            routing: tally.entries,
            timings: .init(
                queue: accepted.milliseconds(to: admitted), image: admitted.milliseconds(to: prefillStarted),
                prefill: prefillStarted.milliseconds(to: prefillEnd), decode: prefillEnd.milliseconds(to: now)),
            degraded: isDegraded, labelLogProbabilities: scores)
    }

    /// Starts scoring: notes the first token of every label from the logits of the prompt's last row.
    func scoreFirstTokens(logits: UnsafeBufferPointer<Float>, now: ContinuousClock.Instant) {
        guard case .classify(let labels, _) = goal else { return }
        firstToken = now
        let normaliser = logSumExp(logits)
        promptLogSums = labels.map { Double(logits[$0.tokens[0]]) - normaliser }
    }

    /// Scores the label that was just computed from the logits of its rows.
    ///
    /// - Returns: whether all labels are done.
    func scoreLabel(rows: [UnsafeBufferPointer<Float>]) -> Bool {
        guard case .classify(let labels, var found) = goal else { return true }
        let label = labels[found.count]
        var sum = promptLogSums[found.count]
        for (row, next) in zip(rows, label.tokens.dropFirst()) { sum += Double(row[next]) - logSumExp(row) }
        found.append(.init(label: label.text, logProbability: sum, tokens: label.tokens.count))
        goal = .classify(labels: labels, found: found)
        return found.count == labels.count
    }
}

extension ContinuousClock.Instant {
    /// Time until a later instant, in milliseconds.
    func milliseconds(to later: ContinuousClock.Instant) -> Double {
        let duration = self.duration(to: later).components
        return Double(duration.seconds) * 1000 + Double(duration.attoseconds) / 1e15
    }
}

extension String {
    /// Without the white space at the end, as the public evaluation strips it.
    fileprivate var trimmingTrailingWhitespace: String {
        var rest = self[...]
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
