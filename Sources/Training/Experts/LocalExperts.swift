import Tensors

/// Experts in this process.
public final class LocalExperts: ExpertTrainers {
    private struct Open {
        let kept: FeedForwardLayer.Kept
        let output: Rows
    }

    /// Per mixture layer its experts by index.
    let experts: [Int: [Int: FeedForwardLayer]]
    private var submittedRows: [Int: (batches: [ExpertRows], keeps: Bool)] = [:]
    private var submittedGradients: [Int: (gradients: [ExpertRows], needsInput: Bool)] = [:]
    /// What forward passes kept for a backward pass: by layer, then by expert.
    private var open: [Int: [Int: Open]] = [:]
    private let context: TrainingContext

    /// - Parameter experts: per mixture layer its experts by index.
    init(_ experts: [Int: [Int: FeedForwardLayer]], _ context: TrainingContext) {
        self.experts = experts
        self.context = context
    }

    /// Rows of the forward passes that wait for their gradients, by layer.
    var openRows: [Int: Int] { open.mapValues { passes in passes.values.reduce(0) { $0 + $1.kept.rows } } }

    public func submitForward(layer: Int, _ batches: [ExpertRows], keeps: Bool) { submittedRows[layer] = (batches, keeps) }

    public func outputs(layer: Int, isolation: isolated (any Actor)?) async throws -> [Rows] {
        guard let (batches, keeps) = submittedRows.removeValue(forKey: layer) else { return [] }
        return try forward(layer: layer, batches, keeps: keeps)
    }

    public func submitBackward(layer: Int, _ gradients: [ExpertRows], needsInput: Bool) {
        submittedGradients[layer] = (gradients, needsInput)
    }

    public func gradients(layer: Int, isolation: isolated (any Actor)?) async throws -> [ExpertGradient] {
        guard let (gradients, needsInput) = submittedGradients.removeValue(forKey: layer) else { return [] }
        return try backward(layer: layer, gradients, needsInput: needsInput)
    }

    /// The outputs of some experts of one layer.
    ///
    /// - Parameter keeps: whether `backward` follows.
    func forward(layer: Int, _ batches: [ExpertRows], keeps: Bool) throws -> [Rows] {
        // What an earlier pass left goes first: the two are never held together.
        open[layer] = nil
        var passes: [Int: Open] = [:]
        let outputs = try batches.map { batch in
            guard let network = experts[layer]?[batch.expert] else { throw unknown(layer, batch.expert) }
            let (output, kept) = network.forward(batch.rows, context)
            if keeps { passes[batch.expert] = Open(kept: kept, output: output) }
            return output
        }
        if keeps { open[layer] = passes }
        return outputs
    }

    /// Collects gradients of the experts' weights, and ends the layer's open pass. Without any gradients it does that alone.
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

    /// Ends the open passes of all layers.
    func endPasses() { open = [:] }

    private func unknown(_ layer: Int, _ expert: Int) -> TrainingError {
        .internalState("expert \(expert) of layer \(layer) has no open forward pass of these rows here")
    }
}
