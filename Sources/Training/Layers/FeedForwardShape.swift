import Checkpoints

/// The kind and the widths of a backbone's feed-forward networks.
public struct FeedForwardShape: Sendable, Hashable {
    public enum Kind: Sendable, Hashable, CaseIterable {
        /// StableLM: `down(silu(gate(x)) · up(x))`, without biases.
        case gated
        /// Phi: two layers with biases, tanh-GELU between them.
        case twoLayers
    }

    public var kind: Kind
    /// Width of rows.
    public var hidden: Int
    /// Width between the layers.
    public var inner: Int

    public init(_ kind: Kind, hidden: Int, inner: Int) {
        self.kind = kind
        self.hidden = hidden
        self.inner = inner
    }

    init(_ configuration: ModelConfiguration) {
        self.init(
            configuration.backbone == .stableLM ? .gated : .twoLayers, hidden: configuration.hiddenSize,
            inner: configuration.intermediateSize)
    }

    /// Names, as they stand behind the network's prefix, and extents of its tensors, in a fixed order.
    public var tensors: [(name: String, shape: [Int])] {
        switch kind {
        case .gated: [("gate_proj.weight", [inner, hidden]), ("up_proj.weight", [inner, hidden]), ("down_proj.weight", [hidden, inner])]
        case .twoLayers: [("fc1.weight", [inner, hidden]), ("fc1.bias", [inner]), ("fc2.weight", [hidden, inner]), ("fc2.bias", [hidden])]
        }
    }

    /// A network of parameters that the caller makes for each of `tensors`.
    func network(_ parameter: (_ name: String, _ shape: [Int]) throws -> Parameter) rethrows -> FeedForwardLayer {
        let made = try tensors.map { try parameter($0.name, $0.shape) }
        return switch kind {
        case .gated:
            FeedForwardLayer(
                gate: LinearLayer(weight: made[0], bias: nil), up: LinearLayer(weight: made[1], bias: nil),
                down: LinearLayer(weight: made[2], bias: nil))
        case .twoLayers:
            FeedForwardLayer(
                first: LinearLayer(weight: made[0], bias: made[1]), activation: .tanhGELU,
                second: LinearLayer(weight: made[2], bias: made[3]))
        }
    }
}
