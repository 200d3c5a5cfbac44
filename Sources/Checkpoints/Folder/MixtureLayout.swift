/// Which mixture layers a checkpoint has and what lies in each, as the names of its tensors tell.
public struct MixtureLayout: Sendable, Equatable {
    /// One mixture layer.
    public struct Layer: Sendable, Equatable {
        /// For each expert, the tensors that it consists of, by the rest of their names.
        public fileprivate(set) var experts: [Int: Set<String>] = [:]
        /// The tensors of the meta expert, by the rest of their names; empty without one.
        public fileprivate(set) var meta: Set<String> = []
        /// The tensors of the residual module, by the rest of their names; empty without one.
        public fileprivate(set) var residual: Set<String> = []
    }

    /// By number of the decoder layer. A layer counts as a mixture when it has an expert or a gate.
    public private(set) var layers: [Int: Layer] = [:]

    /// Reads the layout off the names.
    public init(names: some Sequence<String>) {
        for name in names {
            switch TensorNames.role(of: name) {
            case .expert(let layer, let expert, let rest):
                layers[layer, default: Layer()].experts[expert, default: []].insert(rest)
            case .gate(let layer, _): layers[layer] = layers[layer] ?? Layer()
            case .meta(let layer, let rest): layers[layer, default: Layer()].meta.insert(rest)
            case .residual(let layer, let rest): layers[layer, default: Layer()].residual.insert(rest)
            default: break
            }
        }
    }

    /// The numbers of all experts, of any layer.
    public var experts: Set<Int> { Set(layers.values.flatMap(\.experts.keys)) }

    /// Makes sure that every layer has experts 0 to K − 1, where K is the number of rows of its gate, all made of the same tensors.
    ///
    /// - Throws: `CheckpointError.missingTensor` that names the first gap.
    func checkComplete(_ source: some TensorSource) throws {
        func missing(_ name: String) -> CheckpointError { .missingTensor(file: source.file(of: name), tensor: name) }
        for (number, layer) in layers.sorted(by: { $0.key < $1.key }) {
            let parts = layer.experts.values.reduce(into: Set<String>()) { $0.formUnion($1) }
            // The highest number comes from a tensor's name, so it may be anything: walk the gaps, not the numbers.
            for (expected, (expert, rests)) in layer.experts.sorted(by: { $0.key < $1.key }).enumerated() {
                guard expert == expected else { throw missing(TensorNames.expert(layer: number, expert: expected) + "*") }
                if let rest = parts.subtracting(rests).min(by: inByteOrder) {
                    throw missing(TensorNames.expert(layer: number, expert: expert) + rest)
                }
            }
            let gate = TensorNames.gate(layer: number) + "weight"
            guard let count = source.descriptor(gate)?.shape.first else { throw missing(gate) }
            guard layer.experts.count >= count else {
                throw missing(TensorNames.expert(layer: number, expert: layer.experts.count) + "*")
            }
        }
    }
}
