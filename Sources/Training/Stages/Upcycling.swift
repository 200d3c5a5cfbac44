import Checkpoints
import Tensors

/// Which mixture layers a dense model gets.
public struct MixtureShape: Sendable, Hashable, Codable {
    /// Which layers: every second one from 0, all, the first or the second half.
    public enum Mode: String, Sendable, Hashable, Codable, CaseIterable {
        case sparse, dense
        case firstHalf = "first_half"
        case secondHalf = "second_half"

        /// The layers of a backbone with `count` of them.
        public func layers(of count: Int) -> [Int] {
            switch self {
            case .sparse: Array(stride(from: 0, to: count, by: 2))
            case .dense: Array(0..<count)
            case .firstHalf: Array(0..<count / 2)
            case .secondHalf: Array(count / 2..<count)
            }
        }
    }

    public var mode: Mode
    /// Domain experts, by index: what each is for.
    public var domains: [String]
    /// Experts per token: 1 or 2.
    public var topK: Int
    /// Whether a meta expert is always on.
    public var hasMeta: Bool

    public init(mode: Mode = .sparse, domains: [String] = ["CT", "MRI", "X-Ray", "Pathology"], topK: Int = 1, hasMeta: Bool = true) {
        self.mode = mode
        self.domains = domains
        self.topK = topK
        self.hasMeta = hasMeta
    }
}

/// A dense model seen as one with mixture layers: experts and meta experts are copies of the FFN that was there, gates copies of the router
/// (sparse upcycling, arXiv 2212.05055).
struct UpcycledTensors: TensorSource {
    let names: [String]
    private let base: any TensorSource
    /// For each name that the dense model has not: the name of what it copies.
    private let copies: [String: String]
    private let gates: MemoryTensors

    /// - Parameters:
    ///   - base: the dense model.
    ///   - layers: which layers become mixtures.
    ///   - router: weight `[experts, hidden]` and bias `[experts]`.
    init(_ base: any TensorSource, layers: [Int], shape: MixtureShape, router: (weight: Tensor, bias: Tensor)) throws {
        self.base = base
        var copies: [String: String] = [:]
        var gates: [String: Tensor] = [:]
        var gone: Set<String> = []
        for layer in layers {
            let network = TensorNames.feedForward(layer: layer)
            let own = base.names.filter { $0.hasPrefix(network) }
            guard !own.isEmpty else { throw CheckpointError.missingTensor(file: base.file(of: network), tensor: network + "*") }
            gone.formUnion(own)
            let places = (0..<shape.domains.count).map { TensorNames.expert(layer: layer, expert: $0) }
                + (shape.hasMeta ? [TensorNames.meta(layer: layer)] : [])
            for place in places {
                for name in own { copies[place + name.dropFirst(network.count)] = name }
            }
            gates[TensorNames.gate(layer: layer) + "weight"] = router.weight
            gates[TensorNames.gate(layer: layer) + "bias"] = router.bias
        }
        self.copies = copies
        self.gates = MemoryTensors(gates)
        names = (base.names.filter { !gone.contains($0) } + copies.keys + gates.keys).sorted()
    }

    func descriptor(_ name: String) -> TensorDescriptor? {
        if let known = gates.descriptor(name) { return known }
        if let original = copies[name] { return base.descriptor(original) }
        return base.descriptor(name)
    }

    func tensor(_ name: String) throws -> Tensor {
        if gates.descriptor(name) != nil { return try gates.tensor(name) }
        return try base.tensor(copies[name] ?? name)
    }

    func file(of name: String) -> String { base.file(of: copies[name] ?? name) }
}

extension JSONValue {
    /// The configuration of a dense model with mixture layers entered, in the words of the public code.
    func upcycled(layers: [Int], shape: MixtureShape) -> JSONValue {
        var config = self
        func number(_ value: Int) -> JSONValue { .number("\(value)") }
        let backbone = self["model_type"]?.text == "moe_llava_phi" ? "Phi" : "Stablelm"
        config["architectures"] = .array([.string("EvalMoELLaVA\(backbone)ForCausalLM")])
        config["moe"] = .object([
            .init(key: "moe_enable", value: .bool(true)),
            .init(key: "moe_mode", value: .string(shape.mode.rawValue)),
            .init(key: "moe_layers_idx", value: .array(layers.map(number))),
            .init(key: "ep_size", value: number(1)),
            .init(key: "num_experts", value: .array(layers.map { _ in number(shape.domains.count) })),
            .init(key: "top_k_experts", value: number(shape.topK)),
            .init(key: "capacity_factor", value: .number("1.5")),
            .init(key: "eval_capacity_factor", value: .number("2.0")),
            .init(key: "min_capacity", value: number(0)),
            .init(key: "use_residual", value: .bool(false)),
            .init(key: "router_aux_loss_coef", value: .number("0.0")),
            .init(key: "expert_domains", value: .array(shape.domains.map { .string($0) })),
        ])
        return config
    }
}
