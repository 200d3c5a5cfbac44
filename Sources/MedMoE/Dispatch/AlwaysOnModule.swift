import Checkpoints

/// Where the always-on module of a mixture layer lies: the meta expert, or with `use_residual` the residual module.
///
/// In the public code both are one module, and writers that drop shared tensors keep one of its two names.
public enum AlwaysOnModule {
    /// Prefixes under which the module of a layer may lie, the usual one first.
    public static func prefixes(layer: Int, usesResidual: Bool) -> [String] {
        let mlp = "model.layers.\(layer).mlp"
        return usesResidual ? ["\(mlp).meta_moe", "\(mlp).mlp"] : ["\(mlp).meta_moe"]
    }

    /// The prefix that a checkpoint has, or nil when it has no such module.
    ///
    /// Any tensor below a prefix makes a module: reading it then says which of its tensors is missing.
    ///
    /// - Parameter names: the names of the tensors at hand.
    /// - Throws: `ModelError.missingTensor` when the configuration asks for a residual module and none is there.
    static func prefix(layer: Int, configuration: ModelConfiguration, names: some Sequence<String>) throws -> String? {
        let usesResidual = configuration.mixture?.usesResidual ?? false
        let found = prefixes(layer: layer, usesResidual: usesResidual).first { prefix in
            names.contains { $0.hasPrefix(prefix + ".") }
        }
        if found == nil, usesResidual {
            throw ModelError.missingTensor(
                "model.layers.\(layer).mlp.mlp.\(FeedForward.landmark(configuration.backbone))", hint: "use_residual is set, and layer \(layer) has no residual module")
        }
        return found
    }

    /// Whether the always-on module is a meta expert, which is added as it is, besides any residual coefficient.
    ///
    /// A checkpoint that has only residual modules may be one of Med-MoE whose writer kept one of two names, or one of
    /// MoE-LLaVA, which has no meta expert. The gate's bias tells: only Med-MoE has it.
    ///
    /// - Parameter names: the names of all tensors of the model, at hand or not.
    /// - Throws: `ModelError.inconsistent` when only some mixture layers have a meta expert.
    public static func isMetaExpert(_ names: some Sequence<String>, configuration: ModelConfiguration) throws -> Bool {
        guard let mixture = configuration.mixture else { return false }
        var meta: Set<Int> = []
        var residual: Set<Int> = []
        var gateBias: Set<Int> = []
        for name in names {
            switch TensorNames.role(of: name) {
            case .meta(let layer, _): meta.insert(layer)
            case .residual(let layer, _): residual.insert(layer)
            case .gate(let layer, "bias"): gateBias.insert(layer)
            default: continue
            }
        }
        if mixture.usesResidual { meta.formUnion(residual.intersection(gateBias)) }
        guard meta.isEmpty || meta.isSuperset(of: mixture.layers) else {
            throw ModelError.inconsistent(
                "only the mixture layers \(meta.sorted()) of \(mixture.layers) have a meta expert: the checkpoint is incomplete")
        }
        return !meta.isEmpty
    }
}
