import Checkpoints
import Language
import Tensors

/// Measures updates of a model on made-up questions, on a thread of its own. The model's files are not changed.
public actor LearningMeasurement {
    /// What is measured.
    public struct Settings: Sendable {
        /// `.instruct` (everything learns) or `.experts` (FFNs, experts, meta experts).
        public var step: TrainingStep
        /// Questions of an update, each with an image of its own.
        public var questions: Int
        /// Tokens of text of each question, a fifth of them to be predicted.
        public var tokens: Int
        public var repeats: Int
        public var threads: Int

        public init(step: TrainingStep, questions: Int = 24, tokens: Int = 40, repeats: Int = 7, threads: Int) {
            self.step = step
            self.questions = questions
            self.tokens = tokens
            self.repeats = repeats
            self.threads = threads
        }
    }

    /// What came out; each element of the lists is one update.
    public struct Result: Sendable {
        /// Rows that went through the model in an update.
        public var rows: Int
        /// Seconds of forward and backward passes.
        public var passes: [Double]
        /// Seconds of clipping and AdamW.
        public var optimiser: [Double]
        /// Operations of the linear layers' products in an update.
        public var operations: Double
        /// Operations a second of a large product on the same threads, measured between the updates.
        public var limit: [Double]
        /// Library, kernel and threads.
        public var summary: String
    }

    private nonisolated let executor: ComputeExecutor

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public init() { executor = ComputeExecutor(name: "medmoe-learn") }

    deinit { executor.stop() }

    /// - Parameter progress: called after each update with how many were made; the first one warms up.
    /// - Throws: `CheckpointError` for tensors that are missing; `TrainingError`.
    public func run(_ model: LearnableModel, _ settings: Settings, progress: @Sendable (Int) -> Void = { _ in }) async throws -> Result {
        let length = model.rowsPerImage + settings.tokens
        guard length <= model.configuration.contextLength else {
            throw TrainingError.impossible(
                "an image and \(settings.tokens) tokens are \(length) rows; the model's context has \(model.configuration.contextLength)")
        }
        let context = TrainingContext(threads: settings.threads)
        let network = try MultimodalNetwork(model.folder.model, configuration: model.configuration, context)
        let stage = StageSettings(settings.step)
        for parameter in network.parameters { parameter.setLearns(ConversationLearner.learns(parameter.name, stage)) }
        let optimiser = AdamW(network.parameters, settings: stage.optimiser)
        guard !optimiser.parameters.isEmpty else { throw TrainingError.impossible("nothing learns in \(settings.step.rawValue): the model has none of its parts") }
        var random = SplitMix64(seed: 1)
        let sequences = (0..<settings.questions).map { image in
            let tokens = (0..<settings.tokens).map { _ in Int.random(in: 0..<model.configuration.vocabularySize, using: &random) }
            return TrainingSequence(
                tokens: [TrainingSequence.imageMarker] + tokens, image: image,
                isTarget: [false] + tokens.indices.map { $0 >= settings.tokens * 4 / 5 })
        }
        let batch = PackedBatch(sequences, rowsPerImage: model.rowsPerImage)
        let features = Rows(count: settings.questions * model.rowsPerImage, width: model.towerConfiguration.hiddenSize)
        for index in 0..<features.elementCount { features.pointer[index] = Float.random(in: -1...1, using: &random) }
        var result = Result(rows: batch.layout.rows, passes: [], optimiser: [], operations: 0, limit: [], summary: context.summary)
        for update in 0...settings.repeats {
            try Task.checkCancellation()
            let before = context.operations
            let start = ContinuousClock.now
            _ = try await network.learn(batch, features: features, factor: 1 / Float(max(1, batch.targets.count)))
            let middle = ContinuousClock.now
            let norm = optimiser.squaredGradientNorm(context).squareRoot()
            optimiser.step(rate: 1e-6, scale: clippingFactor(norm: norm, limit: stage.clip), context)
            let end = ContinuousClock.now
            result.operations = context.operations - before
            if update > 0 {
                result.passes.append(start.duration(to: middle) / .seconds(1))
                result.optimiser.append(middle.duration(to: end) / .seconds(1))
                result.limit.append(Self.limit(context))
            }
            progress(update + 1)
        }
        return result
    }

    /// Operations a second of products so large that everything around them counts for nothing.
    private static func limit(_ context: TrainingContext) -> Double {
        let side = 1536
        let (x, weight) = (Rows(count: side, width: side), Rows(count: side, width: side))
        x.buffer.update(repeating: 0.5)
        weight.buffer.update(repeating: 0.25)
        let start = ContinuousClock.now
        for _ in 0..<4 { _ = context.product(x, transposed: weight) }
        return 4 * 2 * Double(side * side) * Double(side) / (start.duration(to: .now) / .seconds(1))
    }
}
