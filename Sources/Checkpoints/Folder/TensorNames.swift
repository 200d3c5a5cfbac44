/// What the names of a Med-MoE checkpoint's tensors mean: the only place that knows them.
///
/// Prefixes end with a dot; the rest of a name (`gate_proj.weight`, `fc1.bias`) belongs to the backbone.
public enum TensorNames {
    /// Everything of a decoder layer: `model.layers.L.`
    public static func layer(_ layer: Int) -> String { "model.layers.\(layer)." }

    /// The feed-forward part of a decoder layer; in a mixture layer, of the whole mixture.
    public static func feedForward(layer: Int) -> String { "model.layers.\(layer).mlp." }

    /// One domain expert of one mixture layer.
    public static func expert(layer: Int, expert: Int) -> String {
        "model.layers.\(layer).mlp.deepspeed_moe.experts.deepspeed_experts.\(expert)."
    }

    /// The meta expert, which is always on. MoE-LLaVA checkpoints have none.
    public static func meta(layer: Int) -> String { "model.layers.\(layer).mlp.meta_moe." }

    /// The residual module of `use_residual`; in the public Med-MoE code one and the same as the meta expert.
    public static func residual(layer: Int) -> String { "model.layers.\(layer).mlp.mlp." }

    /// The router: `weight` [K, D] and, in Med-MoE, `bias` [K].
    public static func gate(layer: Int) -> String { "model.layers.\(layer).mlp.deepspeed_moe.gate.wg." }

    /// The weighing of experts against residual in `use_residual`: `weight` [2, D], `bias` [2].
    public static func coefficient(layer: Int) -> String { "model.layers.\(layer).mlp.coefficient." }

    /// Where the names of the image tower begin, in whatever container and below whatever prefix.
    public static let tower = "vision_model."

    /// Where the image tower lies in a checkpoint that contains it.
    public static let towerInside = "model.image_tower.image_tower."

    /// What part of the model a tensor belongs to.
    public enum Role: Sendable, Hashable {
        /// `rest` is the name after the prefix.
        case expert(layer: Int, expert: Int, rest: String)
        case meta(layer: Int, rest: String)
        case residual(layer: Int, rest: String)
        case gate(layer: Int, rest: String)
        /// The image tower, with the name that it has in a checkpoint of its own.
        case tower(name: String)
        /// A buffer that some writers save although it follows from the configuration (rotary frequencies, position numbers).
        case derived
        /// Everything else: attention, norms, dense FFNs, embeddings, projector, head, coefficient.
        case shared
    }

    /// What part of the model the tensor `name` belongs to.
    public static func role(of name: String) -> Role {
        if name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".position_ids") { return .derived }
        if let inTower = towerName(name) { return .tower(name: inTower) }
        guard let (layer, rest) = numbered(name, after: "model.layers.") else { return .shared }
        if let (expert, rest) = numbered(rest, after: "mlp.deepspeed_moe.experts.deepspeed_experts.") {
            return .expert(layer: layer, expert: expert, rest: rest)
        }
        if let rest = rest.dropping("mlp.meta_moe.") { return .meta(layer: layer, rest: rest) }
        if let rest = rest.dropping("mlp.mlp.") { return .residual(layer: layer, rest: rest) }
        if let rest = rest.dropping("mlp.deepspeed_moe.gate.wg.") { return .gate(layer: layer, rest: rest) }
        return .shared
    }

    /// The name of a tower's tensor from `vision_model.` on, below any prefix; nil for tensors outside a tower.
    private static func towerName(_ name: String) -> String? {
        var rest = name[...]
        while true {
            if rest.hasPrefix(tower) { return String(rest) }
            guard let dot = rest.firstIndex(of: ".") else { return nil }
            rest = rest[rest.index(after: dot)...]
        }
    }

    /// Splits `prefix`, a number in plain decimal, a dot, and the rest.
    private static func numbered(_ name: String, after prefix: String) -> (Int, String)? {
        guard let rest = name.dropping(prefix), let dot = rest.firstIndex(of: "."),
            let number = Int(rest[..<dot]), number >= 0, String(number) == rest[..<dot]
        else { return nil }
        return (number, String(rest[rest.index(after: dot)...]))
    }
}

extension String {
    /// What follows `prefix`, or nil.
    fileprivate func dropping(_ prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }
}
