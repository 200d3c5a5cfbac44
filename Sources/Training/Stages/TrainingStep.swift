/// What can be learnt, in the order of the paper's three steps; the first two are for those without pretrained weights.
public enum TrainingStep: String, Sendable, Hashable, Codable, CaseIterable {
    /// Image tower, from images and captions.
    case encoder
    /// Backbone, from text alone.
    case language
    /// Step 1: the projector, from images and captions.
    case align
    /// Step 2: projector and backbone, from questions and answers about images.
    case instruct
    /// Step 2: the gate, from images whose modality is known.
    case router
    /// Step 3: domain experts and meta experts, and the FFNs between them.
    case experts
}

/// How a step learns. Defaults are the paper's, or LLaVA's where the paper names none; `encoder` and `language` are not in the paper and
/// have our own.
public struct StageSettings: Sendable, Hashable, Codable {
    public var step: TrainingStep
    /// How often every example is seen.
    public var epochs: Int
    /// Examples per update of the weights.
    public var batch: Int
    /// Examples that go through the model at once; a batch is made of as many passes as it needs.
    public var microBatch: Int
    /// Learning rate after the warm-up.
    public var rate: Double
    /// Part of all updates that warm up.
    public var warmUp: Double
    /// Largest norm of the gradient; nil for no limit.
    public var clip: Double?
    public var optimiser: AdamW.Settings
    /// Decides order and company of the examples, and new weights.
    public var seed: UInt64
    /// Whether activations are computed again in the backward pass instead of kept.
    public var recomputes: Bool
    /// Whether answers are learnt in lower case.
    public var lowerCasesAnswers: Bool
    /// Whether images change a little each time they are seen (`Augmentation`), so that fewer of them are learnt by heart. In the encoder
    /// step they always do.
    public var augmentsImages: Bool
    /// Step 3: whether the projector stays as it is, as the paper says. The public code trains it.
    public var freezesProjector: Bool
    /// Updates between checkpoints; 0 for none but the last.
    public var checkpointEvery: Int

    /// The defaults of a step.
    public init(_ step: TrainingStep) {
        self.step = step
        (epochs, batch, rate) = switch step {
            case .encoder: (10, 96, 1e-3)
            case .language: (1, 64, 1e-3)
            case .align: (1, 256, 1e-3)
            case .instruct: (3, 128, 2e-5)
            case .router: (10, 24, 5e-3)
            case .experts: (9, 128, 2e-5)
        }
        microBatch = 24
        warmUp = 0.03
        clip = 1
        optimiser = AdamW.Settings()
        seed = 0
        recomputes = false
        lowerCasesAnswers = false
        augmentsImages = false
        freezesProjector = false
        checkpointEvery = 500
    }

    /// These settings, with those that change no bit of what is learnt left at one value.
    var decisive: StageSettings {
        var settings = self
        settings.recomputes = false
        settings.checkpointEvery = 0
        return settings
    }

    /// - Throws: `TrainingError.impossible` that names the setting and what is possible.
    public func check() throws {
        func require(_ holds: Bool, _ text: String) throws {
            if !holds { throw TrainingError.impossible("\(step.rawValue): \(text)") }
        }
        try require((1...100_000).contains(epochs), "epochs is \(epochs); expected 1 or more")
        try require((1...1 << 20).contains(batch), "batch is \(batch); expected 1 or more examples")
        try require((1...1 << 20).contains(microBatch), "micro-batch is \(microBatch); expected 1 or more examples")
        try require(rate > 0 && rate.isFinite, "the learning rate is \(rate); expected more than 0")
        try require((0...1).contains(warmUp), "warm-up is \(warmUp); expected a part of all updates, 0 to 1")
        try require(clip.map { $0 > 0 } ?? true, "clip is \(clip ?? 0); expected more than 0")
        try require((0..<1).contains(optimiser.beta1) && (0..<1).contains(optimiser.beta2), "betas must lie from 0 to below 1")
        try require(optimiser.epsilon > 0 && optimiser.decay >= 0, "epsilon must be above 0, decay at least 0")
        try require(checkpointEvery >= 0, "checkpoint-every is \(checkpointEvery); expected 0 or more")
    }
}
