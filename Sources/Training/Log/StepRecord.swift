/// One step of learning, as a line of the log says it.
public struct StepRecord: Sendable, Hashable, Codable {
    /// The stage's name, such as `instruct`.
    public var stage: String
    /// The step's number within its stage, from 1.
    public var step: Int
    /// How often the data has been gone through after it, in fractions.
    public var epoch: Double?
    /// In nats; what is not finite is written as text (see `TrainingLogCoding`).
    public var loss: Double
    /// The learning rate of this step.
    public var rate: Double?
    /// Euclidean norm of all gradients before clipping.
    public var gradientNorm: Double?
    /// Rows that went through the model.
    public var tokens: Int?
    /// Time that the step took.
    public var seconds: Double?

    public init(
        stage: String, step: Int, epoch: Double? = nil, loss: Double, rate: Double? = nil, gradientNorm: Double? = nil, tokens: Int? = nil,
        seconds: Double? = nil
    ) {
        self.stage = stage
        self.step = step
        self.epoch = epoch
        self.loss = loss
        self.rate = rate
        self.gradientNorm = gradientNorm
        self.tokens = tokens
        self.seconds = seconds
    }
}
