import Checkpoints
import Tensors

/// Banks are values: one that computes is not changed, another takes its place.
extension ExpertBank {
    /// This bank and further experts, from the same checkpoint. What is there already is not read again.
    ///
    /// - Parameter added: indices of experts, in every mixture layer that has them.
    /// - Throws: `ModelError` when a tensor is missing or does not fit the configuration.
    public func adding(
        _ added: Set<Int>, from source: any TensorSource, configuration: ModelConfiguration
    ) throws -> ExpertBank {
        var experts = experts
        for (address, expert) in try Self.read(added.subtracting(indices), from: source, configuration: configuration) {
            experts[address] = expert
        }
        return ExpertBank(width: width, experts: experts, meta: meta)
    }

    /// This bank without some experts; their memory is free once nobody else uses them.
    public func dropping(_ dropped: Set<Int>) -> ExpertBank {
        // A mapped file stays mapped for the others, but these pages are not ours any more.
        for (address, expert) in experts where dropped.contains(address.expert) { expert.tensors.forEach { $0.evict() } }
        return ExpertBank(width: width, experts: experts.filter { !dropped.contains($0.key.expert) }, meta: meta)
    }

    /// Indices of the experts that are held in some layer.
    public var indices: Set<Int> { Set(experts.keys.map(\.expert)) }
}

extension FeedForward {
    /// All its weights.
    var tensors: [Tensor] {
        switch self {
        case .gated(let gate, let up, let down): [gate, up, down].flatMap(\.tensors)
        case .mlp(let first, let second): [first, second].flatMap(\.tensors)
        }
    }
}

extension Linear {
    fileprivate var tensors: [Tensor] { [weight] + (bias.map { [$0] } ?? []) }
}
