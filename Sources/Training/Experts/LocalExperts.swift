import Tensors

/// Experts in this process.
public final class LocalExperts: ExpertTrainers {
    private struct Open {
        let kept: FeedForwardLayer.Kept
        let output: Rows
    }

    /// Per mixture layer its experts by index.
    let experts: [Int: [Int: FeedForwardLayer]]
    private var submittedRows: [Int: [ExpertRows]] = [:]
    private var submittedGradients: [Int: (gradients: [ExpertRows], needsInput: Bool)] = [:]
    private var open: [Int: [Int: Open]] = [:]
    private let context: TrainingContext

    /// - Parameter experts: per mixture layer its experts by index.
    init(_ experts: [Int: [Int: FeedForwardLayer]], _ context: TrainingContext) {
        self.experts = experts
        self.context = context
    }

    public func submitForward(layer: Int, _ batches: [ExpertRows]) { submittedRows[layer] = batches }

    public func outputs(layer: Int, isolation: isolated (any Actor)?) async throws -> [Rows] {
        try forward(layer: layer, submittedRows.removeValue(forKey: layer) ?? [])
    }

    public func submitBackward(layer: Int, _ gradients: [ExpertRows], needsInput: Bool) {
        submittedGradients[layer] = (gradients, needsInput)
    }

    public func gradients(layer: Int, isolation: isolated (any Actor)?) async throws -> [ExpertGradient] {
        guard let (gradients, needsInput) = submittedGradients.removeValue(forKey: layer) else { return [] }
        return try backward(layer: layer, gradients, needsInput: needsInput)
    }

    /// The outputs of some experts of one layer.
    func forward(layer: Int, _ batches: [ExpertRows]) throws -> [Rows] {
        var open: [Int: Open] = [:]
        let outputs = try batches.map { batch in
            guard let network = experts[layer]?[batch.expert] else { throw unknown(layer, batch.expert) }
            let (output, kept) = network.forward(batch.rows, context)
            open[batch.expert] = Open(kept: kept, output: output)
            return output
        }
        self.open[layer] = open
        return outputs
    }

    /// Collects gradients of the experts' weights.
    func backward(layer: Int, _ gradients: [ExpertRows], needsInput: Bool) throws -> [ExpertGradient] {
        let open = self.open.removeValue(forKey: layer) ?? [:]
        return try gradients.map { gradient in
            guard let network = experts[layer]?[gradient.expert], let forward = open[gradient.expert],
                forward.output.count == gradient.rows.count
            else { throw unknown(layer, gradient.expert) }
            let dots = rowDots(forward.output, gradient.rows, context)
            return ExpertGradient(
                input: network.backward(gradient.rows, forward.kept, needsInput: needsInput, context), dots: dots)
        }
    }

    private func unknown(_ layer: Int, _ expert: Int) -> TrainingError {
        .internalState("expert \(expert) of layer \(layer) has no open forward pass of these rows here")
    }
}
