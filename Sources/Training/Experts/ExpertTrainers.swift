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
/// Within a step a mixture layer sends its rows forward and then gradients back, in the same order and for the same experts.
public protocol ExpertTrainers: AnyObject {
    /// The outputs of some experts of one layer.
    ///
    /// - Returns: `[rows, hidden]` for each element of `batches`.
    func forward(layer: Int, _ batches: [ExpertRows], isolation: isolated (any Actor)?) async throws -> [Rows]

    /// Collects gradients of the experts' weights.
    ///
    /// - Parameter gradients: of the outputs that `forward` gave for this layer, already multiplied by the gate's factors.
    func backward(
        layer: Int, _ gradients: [ExpertRows], needsInput: Bool, isolation: isolated (any Actor)?
    ) async throws -> [ExpertGradient]
}

/// Experts in this process.
public final class LocalExperts: ExpertTrainers {
    private struct Open {
        let kept: FeedForwardLayer.Kept
        let output: Rows
    }

    private let experts: [Int: [FeedForwardLayer]]
    private var open: [Int: [Int: Open]] = [:]
    private let context: TrainingContext

    /// - Parameter experts: per mixture layer its experts by index.
    init(_ experts: [Int: [FeedForwardLayer]], _ context: TrainingContext) {
        self.experts = experts
        self.context = context
    }

    public func forward(layer: Int, _ batches: [ExpertRows], isolation: isolated (any Actor)?) async throws -> [Rows] {
        var open: [Int: Open] = [:]
        let outputs = try batches.map { batch in
            guard let network = expert(layer: layer, batch.expert) else { throw unknown(layer, batch.expert) }
            let (output, kept) = network.forward(batch.rows, context)
            open[batch.expert] = Open(kept: kept, output: output)
            return output
        }
        self.open[layer] = open
        return outputs
    }

    public func backward(
        layer: Int, _ gradients: [ExpertRows], needsInput: Bool, isolation: isolated (any Actor)?
    ) async throws -> [ExpertGradient] {
        let open = self.open.removeValue(forKey: layer) ?? [:]
        return try gradients.map { gradient in
            guard let network = expert(layer: layer, gradient.expert), let forward = open[gradient.expert],
                forward.output.count == gradient.rows.count
            else { throw unknown(layer, gradient.expert) }
            let dots = rowDots(forward.output, gradient.rows, context)
            return ExpertGradient(
                input: network.backward(gradient.rows, forward.kept, needsInput: needsInput, context), dots: dots)
        }
    }

    private func expert(layer: Int, _ index: Int) -> FeedForwardLayer? {
        guard let layer = experts[layer], layer.indices.contains(index) else { return nil }
        return layer[index]
    }

    private func unknown(_ layer: Int, _ expert: Int) -> TrainingError {
        .internalState("expert \(expert) of layer \(layer) has no open forward pass here")
    }
}
