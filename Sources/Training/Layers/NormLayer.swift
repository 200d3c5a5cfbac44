import CKernels
import Tensors

/// Layer normalisation with weight and bias, forward and backward.
struct NormLayer {
    /// `[width]`
    let weight: Parameter
    /// `[width]`
    let bias: Parameter
    let epsilon: Float

    var parameters: [Parameter] { [weight, bias] }

    /// - Parameter x: `[rows, width]`; keep it for `backward`.
    func forward(_ x: Rows, _ context: TrainingContext) -> Rows {
        let y = Rows(count: x.count, width: x.width)
        context.forEachBlock(rows: x.count, width: x.width) { rows in
            ck_layer_norm(
                x.row(rows.lowerBound), weight.value.pointer, bias.value.pointer, epsilon, y.row(rows.lowerBound), rows.count,
                x.width)
        }
        return y
    }

    /// The gradient of the input, added to `sum` where there is one.
    ///
    /// - Parameters:
    ///   - dy: gradient of the output, `[rows, width]`
    ///   - x: what `forward` had.
    @discardableResult
    func backward(_ dy: Rows, input x: Rows, addedTo sum: Rows? = nil, _ context: TrainingContext) -> Rows {
        let dx = sum ?? Rows(count: x.count, width: x.width)
        // Fixed blocks with sums of their own, added up in their order.
        let block = 256
        let blocks = (x.count + block - 1) / block
        let learns = weight.learns || bias.learns
        let partial = Rows(count: learns ? blocks : 0, width: 2 * x.width)
        partial.buffer.update(repeating: 0)
        context.pool.forEach(blocks) { index in
            let first = index * block
            let sums = learns ? partial.row(index) : nil
            ck_layer_norm_backward(
                x.row(first), weight.value.pointer, dy.row(first), epsilon, dx.row(first), sum == nil ? 0 : 1,
                weight.learns ? sums : nil, bias.learns ? sums.map { $0 + x.width } : nil, min(block, x.count - first), x.width)
        }
        for index in 0..<partial.count {
            if let gradient = weight.gradient { ck_add(gradient.pointer, partial.row(index), x.width) }
            if let gradient = bias.gradient { ck_add(gradient.pointer, partial.row(index) + x.width, x.width) }
        }
        return dx
    }
}
