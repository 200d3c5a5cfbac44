import CKernels
import Tensors

/// A backbone's feed-forward network, forward and backward: a dense layer's FFN, a domain expert, or the meta expert.
public struct FeedForwardLayer {
    private enum Kind {
        /// StableLM: `down(silu(gate(x)) · up(x))`.
        case gated(gate: LinearLayer, up: LinearLayer, down: LinearLayer)
        /// Two linear layers with an activation between them.
        case mlp(first: LinearLayer, activation: Activation, second: LinearLayer)
    }

    /// What a backward pass needs of the forward pass.
    public struct Kept {
        /// `[rows, hidden]`
        let input: Rows
        /// Before the activation, `[rows, inner]`: the gate, or the first layer's output.
        let inner: Rows
        /// The gated FFN's other factor.
        let up: Rows?

        /// Rows that were computed.
        public var rows: Int { input.count }
    }

    private let kind: Kind

    init(gate: LinearLayer, up: LinearLayer, down: LinearLayer) { kind = .gated(gate: gate, up: up, down: down) }

    init(first: LinearLayer, activation: Activation, second: LinearLayer) {
        kind = .mlp(first: first, activation: activation, second: second)
    }

    public var parameters: [Parameter] {
        switch kind {
        case .gated(let gate, let up, let down): gate.parameters + up.parameters + down.parameters
        case .mlp(let first, _, let second): first.parameters + second.parameters
        }
    }

    /// - Parameter x: `[rows, hidden]`
    /// - Returns: `[rows, hidden]`, and what `backward` needs.
    public func forward(_ x: Rows, _ context: TrainingContext) -> (output: Rows, kept: Kept) {
        switch kind {
        case .gated(let gate, let up, let down):
            let g = gate.forward(x, context)
            let u = up.forward(x, context)
            let product = Rows(count: g.count, width: g.width)
            context.forEachBlock(rows: g.count, width: g.width) { rows in
                ck_silu_product(
                    g.row(rows.lowerBound), u.row(rows.lowerBound), product.row(rows.lowerBound), rows.count * g.width)
            }
            return (down.forward(product, context), Kept(input: x, inner: g, up: u))
        case .mlp(let first, let activation, let second):
            let inner = first.forward(x, context)
            let activated = activation.forward(inner, context)
            return (second.forward(activated, context), Kept(input: x, inner: inner, up: nil))
        }
    }

    /// Collects the gradients of the weights that learn. Uses up `kept`.
    ///
    /// - Parameters:
    ///   - dy: gradient of the output, `[rows, hidden]`
    ///   - needsInput: whether the gradient of the input is wanted.
    /// - Returns: the gradient of the input, `[rows, hidden]`, if wanted.
    public func backward(_ dy: Rows, _ kept: Kept, needsInput: Bool = true, _ context: TrainingContext) -> Rows? {
        switch kind {
        case .gated(let gate, let up, let down):
            guard let u = kept.up else { return nil }
            let g = kept.inner
            let product = down.inputGradient(dy, context)
            context.forEachBlock(rows: g.count, width: g.width) { rows in
                ck_silu_product_backward(
                    g.row(rows.lowerBound), u.row(rows.lowerBound), product.row(rows.lowerBound), rows.count * g.width)
            }
            down.collect(dy, input: product, context)
            gate.collect(g, input: kept.input, context)
            up.collect(u, input: kept.input, context)
            return needsInput ? up.inputGradient(u, addedTo: gate.inputGradient(g, context), context) : nil
        case .mlp(let first, let activation, let second):
            let inner = second.inputGradient(dy, context)
            let activated = activation.backward(kept.inner, inner, context)
            second.collect(dy, input: activated, context)
            first.collect(inner, input: kept.input, context)
            return needsInput ? first.inputGradient(inner, context) : nil
        }
    }
}

/// An elementwise activation, forward and backward.
enum Activation: Sendable {
    /// CLIP's x·σ(1.702 x).
    case quickGELU
    /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, "gelu_new".
    case tanhGELU
    /// x (1 + erf(x/√2)) / 2.
    case gelu
    /// max(x, 0).
    case relu

    /// - Returns: the activation of every number, in rows of its own.
    func forward(_ x: Rows, _ context: TrainingContext) -> Rows {
        let y = Rows(count: x.count, width: x.width)
        context.forEachBlock(rows: x.count, width: x.width) { rows in
            let count = rows.count * x.width
            let target = y.row(rows.lowerBound)
            target.update(from: x.row(rows.lowerBound), count: count)
            switch self {
            case .quickGELU: ck_quick_gelu(target, count)
            case .tanhGELU: ck_tanh_gelu(target, count)
            case .gelu: ck_erf_gelu(target, count)
            case .relu: ck_relu(target, count)
            }
        }
        return y
    }

    /// Turns the gradient of the output into that of the input, in place, and the input into the output.
    ///
    /// - Returns: `x`, which now holds what `forward` returned.
    func backward(_ x: Rows, _ dy: Rows, _ context: TrainingContext) -> Rows {
        context.forEachBlock(rows: x.count, width: x.width) { rows in
            let count = rows.count * x.width
            let (input, gradient) = (x.row(rows.lowerBound), dy.row(rows.lowerBound))
            switch self {
            case .quickGELU: ck_quick_gelu_backward(input, gradient, count)
            case .tanhGELU: ck_tanh_gelu_backward(input, gradient, count)
            case .gelu: ck_erf_gelu_backward(input, gradient, count)
            case .relu: ck_relu_backward(input, gradient, count)
            }
        }
        return x
    }
}
