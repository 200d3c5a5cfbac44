import Checkpoints

/// What a decode step has to read and to compute, counted from the shapes of the weights.
public struct StepCost: Sendable, Hashable {
    /// Weights that every row passes: attention, norms, dense FFNs, meta experts, routers and the head.
    public let sharedWeights: Int
    /// Weights of one domain expert, in each mixture layer.
    public let expertWeights: [Int]
    /// Domain experts of each mixture layer, in the same order.
    public let expertCounts: [Int]
    /// Experts per row.
    public let topK: Int

    /// Counts the weights of a complete checkpoint.
    public init(folder: CheckpointFolder, configuration: ModelConfiguration) {
        var shared = 0
        var experts: [Int: [Int: Int]] = [:]
        for name in folder.model.names {
            guard let size = folder.model.descriptor(name)?.shape.reduce(1, *) else { continue }
            switch TensorNames.role(of: name) {
            case .expert(let layer, let expert, _): experts[layer, default: [:]][expert, default: 0] += size
            case .meta, .gate: shared += size
            case .residual(let layer, let rest):
                // In the public code one and the same module as the meta expert.
                if folder.model.descriptor(TensorNames.meta(layer: layer) + rest) == nil { shared += size }
            case .tower, .derived: continue
            case .shared:
                // Of the embeddings a step reads single rows, unless they are the head as well.
                let isEmbedding = name == "model.embed_tokens.weight" && !configuration.tiesEmbeddings
                let isHeadCopy = name == "lm_head.weight" && configuration.tiesEmbeddings
                if !isEmbedding, !isHeadCopy, name.hasPrefix("model.layers.") || !name.contains("mm_projector") { shared += size }
            }
        }
        let layers = experts.keys.sorted()
        sharedWeights = shared
        expertWeights = layers.map { layer in experts[layer].map { $0.values.reduce(0, +) / max(1, $0.count) } ?? 0 }
        expertCounts = layers.map { experts[$0]?.count ?? 0 }
        topK = configuration.mixture?.topK ?? 0
    }

    /// Floating-point operations of a step of `rows` rows.
    public func operations(rows: Int) -> Double {
        Double(rows) * 2 * Double(sharedWeights + topK * expertWeights.reduce(0, +))
    }

    /// Bytes of float32 weights that a step of `rows` rows reads when its rows go to as many experts as they can.
    public func bytes(rows: Int) -> Int {
        4 * (sharedWeights + zip(expertWeights, expertCounts).reduce(0) { $0 + $1.0 * min($1.1, rows * topK) })
    }
}
