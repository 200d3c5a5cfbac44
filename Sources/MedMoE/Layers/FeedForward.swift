import CKernels
import Checkpoints
import Tensors

/// A backbone's feed-forward network: a dense layer's FFN, a domain expert, or the meta expert.
enum FeedForward: Sendable {
    /// StableLM: `down(silu(gate(x)) · up(x))`, no bias.
    case gated(gate: Linear, up: Linear, down: Linear)
    /// Phi: `fc2(gelu_new(fc1(x)))`, with bias.
    case mlp(first: Linear, second: Linear)

    /// - Parameter x: `[rows, hidden]`
    /// - Returns: `[rows, hidden]`
    func callAsFunction(_ x: Rows, _ context: ComputeContext) throws -> Rows {
        switch self {
        case .gated(let gate, let up, let down):
            let inner = try gate(x, context)
            let multiplied = try up(x, context)
            context.forEachBlock(of: inner) { first, count in
                ck_silu_multiply(inner.row(first), multiplied.row(first), count * inner.width)
            }
            return try down(inner, context)
        case .mlp(let first, let second):
            let inner = try first(x, context)
            context.forEachBlock(of: inner) { row, count in ck_tanh_gelu(inner.row(row), count * inner.width) }
            return try second(inner, context)
        }
    }

    /// Reads the FFN below `prefix`.
    init(_ reader: WeightReader, prefix: String, configuration: ModelConfiguration) throws {
        let hidden = configuration.hiddenSize
        let inner = configuration.intermediateSize
        switch configuration.backbone {
        case .stableLM:
            self = .gated(
                gate: try reader.linear("\(prefix).gate_proj", from: hidden, to: inner, bias: false),
                up: try reader.linear("\(prefix).up_proj", from: hidden, to: inner, bias: false),
                down: try reader.linear("\(prefix).down_proj", from: inner, to: hidden, bias: false))
        case .phi:
            self = .mlp(
                first: try reader.linear("\(prefix).fc1", from: hidden, to: inner, bias: true),
                second: try reader.linear("\(prefix).fc2", from: inner, to: hidden, bias: true))
        }
    }

    /// A tensor that every FFN of this family has, below its prefix.
    static func landmark(_ backbone: ModelConfiguration.Backbone) -> String {
        switch backbone {
        case .stableLM: "gate_proj.weight"
        case .phi: "fc1.weight"
        }
    }
}
