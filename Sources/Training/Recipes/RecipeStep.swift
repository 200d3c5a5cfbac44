/// A step of a recipe; what it leaves out is the default of `StageSettings`.
public struct RecipeStep: Sendable, Hashable, Codable {
    /// Which of the recipe's data.
    public enum Source: String, Sendable, Hashable, Codable {
        case train, captions
    }

    public var step: TrainingStep
    /// What it is called, when a step occurs twice.
    public var name: String?
    /// The step whose model it begins with; by default the one before it.
    public var from: String?
    /// Which data it learns from; by default what the step needs.
    public var data: [Source]?
    public var epochs: Int?
    public var batch: Int?
    public var microBatch: Int?
    public var rate: Double?
    public var warmUp: Double?
    /// 0 for no limit.
    public var clip: Double?
    public var decay: Float?
    public var beta1: Float?
    public var beta2: Float?
    public var recompute: Bool?
    public var lowerCaseAnswers: Bool?
    /// Align, instruct, experts: images change a little each time. The encoder step's always do.
    public var augment: Bool?
    public var freezeProjector: Bool?
    public var checkpointEvery: Int?
    /// Router: at most so many labelled examples.
    public var labelled: Int?
    /// Experts: dense FFNs stay dense.
    public var dense: Bool?
    /// Experts: no meta expert.
    public var withoutMeta: Bool?
    /// Experts: gates begin with random weights.
    public var withoutRouter: Bool?
    /// Experts: experts per token.
    public var topK: Int?
    /// Encoder, router, experts: so many of the domains, the first ones; data with other labels is refused where labels count.
    public var domains: Int?
    /// Whether the model is asked the held-out questions afterwards.
    public var evaluate: Bool?

    /// All as by default.
    public init(_ step: TrainingStep) { self.step = step }

    /// What the step is called.
    public var title: String { name ?? step.rawValue }

    /// The defaults with what the recipe says otherwise.
    public func settings(seed: UInt64) -> StageSettings {
        var settings = StageSettings(step)
        settings.seed = seed
        settings.epochs = epochs ?? settings.epochs
        settings.batch = batch ?? settings.batch
        settings.microBatch = microBatch ?? settings.microBatch
        settings.rate = rate ?? settings.rate
        settings.warmUp = warmUp ?? settings.warmUp
        if let clip { settings.clip = clip == 0 ? nil : clip }
        settings.optimiser.decay = decay ?? settings.optimiser.decay
        settings.optimiser.beta1 = beta1 ?? settings.optimiser.beta1
        settings.optimiser.beta2 = beta2 ?? settings.optimiser.beta2
        settings.recomputes = recompute ?? false
        settings.lowerCasesAnswers = lowerCaseAnswers ?? false
        settings.augmentsImages = augment ?? false
        settings.freezesProjector = freezeProjector ?? false
        settings.checkpointEvery = checkpointEvery ?? settings.checkpointEvery
        return settings
    }
}
