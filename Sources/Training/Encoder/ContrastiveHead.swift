import Tensors

/// Projects a tower's output into the space where images and texts meet: `Linear → ReLU → Linear`, as in ConVIRT.
struct ContrastiveHead {
    private let network: FeedForwardLayer

    init(_ reader: ParameterReader, _ name: String, from inner: Int, to outer: Int) throws {
        network = FeedForwardLayer(
            first: try reader.linear("\(name).0", from: inner, to: inner, bias: true), activation: .relu,
            second: try reader.linear("\(name).2", from: inner, to: outer, bias: true))
    }

    /// New weights.
    static func make(_ maker: inout TensorMaker, _ name: String, from inner: Int, to outer: Int) throws {
        try maker.linear("\(name).0", inner, inner)
        try maker.linear("\(name).2", outer, inner)
    }

    func forward(_ x: Rows, _ context: TrainingContext) -> (output: Rows, kept: FeedForwardLayer.Kept) { network.forward(x, context) }

    /// - Returns: the gradient of the input.
    func backward(_ dy: Rows, _ kept: FeedForwardLayer.Kept, _ context: TrainingContext) -> Rows? {
        network.backward(dy, kept, context)
    }
}
