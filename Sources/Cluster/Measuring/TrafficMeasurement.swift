import MedMoE

/// Counts what crosses the network for a token, in prefill and in decode, beside the least that could.
public struct TrafficMeasurement: Sendable {
    /// Messages and bytes of one phase, there and back.
    public struct Phase: Sendable, Hashable {
        /// Tokens that passed the mixture layers.
        public let tokens: Int
        public let messages: UInt64
        /// Header, envelope and rows of tiles.
        public let bytes: UInt64
        /// Of these, the rows.
        public let rowBytes: UInt64
        /// One message to each worker that had to compute in a layer and step, and one back.
        public let leastMessages: UInt64
        /// One row to an expert and one back for each token, mixture layer and choice.
        public let leastBytes: UInt64
        /// What had nothing to do with tiles: beats.
        public let otherMessages: UInt64
    }

    private let engine: InferenceEngine
    private let endpoint: CoordinatorEndpoint
    private let recorded: RecordedDispatch

    /// - Parameters:
    ///   - endpoint: with the workers.
    ///   - options: of the engine; answers always go on to their greatest length.
    public init(model: MedMoEModel, endpoint: CoordinatorEndpoint, options: EngineOptions) {
        let recorded = RecordedDispatch(endpoint.dispatch)
        var options = options
        options.ignoresEndToken = true
        engine = InferenceEngine(model: model, options: options, dispatch: { _ in recorded })
        self.recorded = recorded
        self.endpoint = endpoint
    }

    /// Answers `batch` requests at the same time.
    ///
    /// - Parameters:
    ///   - prompt: tokens of each prompt.
    ///   - answer: tokens of each answer; the phase of decoding is empty for 1.
    /// - Throws: `AnswerError` for what does not fit the context, `.unavailable` when the endpoint was stopped.
    public func run(batch: Int, prompt: Int, answer: Int) async throws -> (prefill: Phase, decode: Phase) {
        let first = try await phase(batch: batch, prompt: prompt, answer: 1, tokens: batch * prompt)
        let both = try await phase(batch: batch, prompt: prompt, answer: answer, tokens: batch * (prompt + answer - 1))
        return (first, both - first)
    }

    private func phase(batch: Int, prompt: Int, answer: Int, tokens: Int) async throws -> Phase {
        let measurement = try BatchMeasurement(engine, tokens: answer, promptTokens: prompt)
        let before = (traffic: try await traffic(), record: recorded.record)
        try await measurement.answer(batch: batch)
        let traffic = try await traffic() - before.traffic
        let record = recorded.record - before.record
        let width = engine.model.configuration.hiddenSize
        return Phase(
            tokens: tokens, messages: traffic.tilesSent.messages + traffic.tilesReceived.messages,
            bytes: traffic.tilesSent.bytes + traffic.tilesReceived.bytes,
            rowBytes: traffic.tilesSent.rowBytes + traffic.tilesReceived.rowBytes, leastMessages: UInt64(2 * record.workers),
            leastBytes: UInt64(2 * record.rows * width * MemoryLayout<Float>.size),
            otherMessages: traffic.othersSent.messages + traffic.othersReceived.messages)
    }

    private func traffic() async throws -> WorkerTraffic {
        guard let status = await endpoint.status() else { throw AnswerError(.unavailable, "the coordinator was stopped") }
        return status.traffic
    }
}

extension TrafficMeasurement.Phase {
    static func - (both: Self, first: Self) -> Self {
        Self(
            tokens: both.tokens - first.tokens, messages: both.messages - min(both.messages, first.messages),
            bytes: both.bytes - min(both.bytes, first.bytes), rowBytes: both.rowBytes - min(both.rowBytes, first.rowBytes),
            leastMessages: both.leastMessages - min(both.leastMessages, first.leastMessages),
            leastBytes: both.leastBytes - min(both.leastBytes, first.leastBytes), otherMessages: both.otherMessages)
    }
}
