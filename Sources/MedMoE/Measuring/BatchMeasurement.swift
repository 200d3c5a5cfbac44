import Tensors

/// Measures how fast a number of requests decode together, and how fast a prompt is read.
public struct BatchMeasurement: Sendable {
    private let engine: InferenceEngine
    private let tokens: Int
    private let words: [String]
    private let promptTokens: Int

    /// Tokens of each prompt.
    private static let promptLength = 32

    /// - Parameters:
    ///   - engine: one that ignores the end token, so that every answer has the same length.
    ///   - tokens: length of an answer.
    /// - Throws: `AnswerError` when prompt and answer do not fit the context.
    public init(_ engine: InferenceEngine, tokens: Int) throws {
        self.engine = engine
        self.tokens = tokens
        // Words that are one token each make prompts of one length with different contents, which go to different experts.
        words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "l", "m", "n", "o", "p", "r", "s", "t", "u", "v", "w"]
            .filter { engine.model.tokenizer.encode(" " + $0).count == 1 }
        promptTokens = Self.promptLength
        let context = engine.model.configuration.contextLength
        guard promptTokens + tokens <= context else {
            throw AnswerError(
                .contextLength, "\(promptTokens) tokens of prompt and \(tokens) of answer; the model's context is \(context): take fewer tokens")
        }
        guard words.count > 1 else { throw AnswerError(.internal, "the tokenizer has no single letters to make prompts of") }
    }

    /// Reads and multiplies as fast as the engine's threads can.
    ///
    /// - Parameter workingSet: bytes that are read again and again.
    public func machineSpeed(workingSet: Int) async throws -> MachineSpeed {
        try await engine.computing { try MachineSpeed($0, workingSet: workingSet) }
    }

    /// Decodes `batch` requests together.
    ///
    /// - Returns: tokens per second while all of them were decoding.
    /// - Throws: `AnswerError` when answers are too short for all of them to decode at the same time, or one has another length.
    public func tokensPerSecond(batch: Int) async throws -> Double {
        let times = try await withThrowingTaskGroup(of: [ContinuousClock.Instant].self) { group in
            for index in 0..<batch { group.addTask { try await tokenTimes(index) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        guard let start = times.compactMap(\.first).max(), let end = times.compactMap(\.last).min(), start < end else {
            throw AnswerError(.invalidRequest, "answers of \(tokens) tokens never decode \(batch) at a time: take more tokens")
        }
        let counted = times.joined().count { $0 > start && $0 <= end }
        return Double(counted) * 1000 / start.milliseconds(to: end)
    }

    /// Reads one prompt.
    ///
    /// - Parameter length: tokens of the prompt.
    /// - Returns: tokens of the prompt per second, from asking to the first token of the answer.
    /// - Throws: `AnswerError` when the prompt does not fit the context.
    public func promptTokensPerSecond(length: Int) async throws -> Double {
        let context = engine.model.configuration.contextLength
        guard length >= 1, length < context else {
            throw AnswerError(.contextLength, "a prompt of \(length) tokens and one of answer; the model's context is \(context): take a shorter one")
        }
        let request = AnswerRequest(
            id: "measurement-of-a-prompt", task: .prompt(prompt(0, tokens: length)), maximumTokens: 1, deadlineMilliseconds: 3_600_000)
        let start = ContinuousClock.now
        for try await event in engine.answer(request) {
            if case .token = event { return Double(length) * 1000 / start.milliseconds(to: .now) }
        }
        throw AnswerError(.internal, "an answer has no token: the speed of its prompt is not known")
    }

    private func prompt(_ index: Int, tokens: Int) -> String {
        var random = UInt64(index) &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<tokens).map { _ in
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return " " + words[Int(random >> 33) % words.count]
        }.joined()
    }

    private func tokenTimes(_ index: Int) async throws -> [ContinuousClock.Instant] {
        let prompt = prompt(index, tokens: promptTokens)
        let request = AnswerRequest(
            id: "measurement-\(index)", task: .prompt(prompt), maximumTokens: tokens, deadlineMilliseconds: 3_600_000)
        var times: [ContinuousClock.Instant] = []
        for try await event in engine.answer(request) {
            if case .token = event { times.append(.now) }
        }
        guard times.count == tokens else {
            throw AnswerError(.internal, "an answer has \(times.count) tokens instead of \(tokens): its speed says nothing")
        }
        return times
    }
}

extension InferenceEngine {
    /// Runs something on the compute thread, with its threads.
    func computing<R: Sendable>(_ body: @Sendable (ComputeContext) throws -> R) throws -> R { try body(ready().context) }
}
