import Tensors

/// Rows of one expert.
public struct ExpertRows {
    public var expert: Int
    /// `[rows, hidden]`
    public var rows: Rows

    public init(expert: Int, rows: Rows) {
        self.expert = expert
        self.rows = rows
    }
}

/// What an expert's backward pass gives back.
public struct ExpertGradient {
    /// Gradient of the rows that went in, `[rows, hidden]`; nil where it was not asked for.
    public var input: Rows?
    /// Per row the dot product of the output and its gradient: the gate's path.
    public var dots: [Float]

    public init(input: Rows?, dots: [Float]) {
        self.input = input
        self.dots = dots
    }
}

/// Where domain experts learn: in this process, or in trainers on the cluster.
///
/// Within a step a mixture layer sends its rows forward and then gradients back, in the same order and for the same experts. With
/// recomputed activations the rows go forward twice, the first time without anything being kept.
/// Both ways are split: whoever submitted has other work (the meta expert) until it asks for the results.
public protocol ExpertTrainers: AnyObject {
    /// Hands over rows for some experts of a layer.
    ///
    /// - Parameter keeps: whether their gradients follow. What a backward pass needs takes several times the memory of the rows, so
    ///   it is kept only then; whatever an earlier forward pass of the layer left goes in any case.
    func submitForward(layer: Int, _ batches: [ExpertRows], keeps: Bool) throws

    /// The outputs of the rows that were submitted.
    ///
    /// - Returns: `[rows, hidden]` for each element of `batches`.
    func outputs(layer: Int, isolation: isolated (any Actor)?) async throws -> [Rows]

    /// Hands over gradients, which collect those of the experts' weights.
    ///
    /// - Parameter gradients: of the outputs of this layer, already multiplied by the gate's factors. Where the forward pass kept
    ///   nothing, asking for what came of them throws.
    func submitBackward(layer: Int, _ gradients: [ExpertRows], needsInput: Bool) throws

    /// What came of the gradients that were submitted, for each element of them.
    func gradients(layer: Int, isolation: isolated (any Actor)?) async throws -> [ExpertGradient]
}
