import CKernels
import Tensors

/// `x Wᵀ + b`, forward and backward.
struct LinearLayer {
    /// `[outer, inner]`
    let weight: Parameter
    /// `[outer]`
    let bias: Parameter?

    var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

    /// - Parameter x: `[rows, inner]`; keep it for `backward`.
    /// - Returns: `[rows, outer]`
    func forward(_ x: Rows, _ context: TrainingContext) -> Rows {
        let y = context.product(x, transposed: weight.value)
        if let bias {
            context.forEachBlock(rows: y.count, width: y.width) { rows in
                ck_add_bias(y.row(rows.lowerBound), bias.value.pointer, rows.count, y.width)
            }
        }
        return y
    }

    /// Adds `dyᵀ x` to the weight's gradient and the column sums of `dy` to the bias's, where they learn.
    ///
    /// - Parameters:
    ///   - dy: gradient of the output, `[rows, outer]`
    ///   - x: what `forward` had, `[rows, inner]`
    func collect(_ dy: Rows, input x: Rows, _ context: TrainingContext) {
        if let gradient = weight.gradient { context.addOuterProduct(dy, x, to: gradient) }
        if let gradient = bias?.gradient { context.addColumnSums(of: dy, to: gradient) }
    }

    /// The gradient of the input, `dy W`.
    ///
    /// - Parameter sum: rows that it is added to; nil for new ones.
    @discardableResult
    func inputGradient(_ dy: Rows, addedTo sum: Rows? = nil, _ context: TrainingContext) -> Rows {
        context.product(dy, weight.value, addedTo: sum)
    }

    /// Both.
    func backward(_ dy: Rows, input x: Rows, _ context: TrainingContext) -> Rows {
        collect(dy, input: x, context)
        return inputGradient(dy, context)
    }
}
