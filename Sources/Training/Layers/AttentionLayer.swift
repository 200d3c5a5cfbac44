import Tensors

/// Self-attention with its projections, forward and backward: a decoder's (causal, rotary, grouped queries) or a tower's.
struct AttentionLayer {
    let query, key, value, output: LinearLayer
    let attention: PackedAttention

    /// What a backward pass needs of the forward pass.
    struct Kept {
        /// The normed input, `[rows, hidden]`.
        let input: Rows
        /// After the rotation.
        let q, k, v: Rows
        let mixed: Rows
        let sums: Rows
    }

    var parameters: [Parameter] { query.parameters + key.parameters + value.parameters + output.parameters }

    /// - Parameters:
    ///   - x: `[rows, hidden]`
    ///   - rotary: angles of the batch's positions; nil where positions are in the embeddings.
    func forward(_ x: Rows, _ layout: PackedLayout, rotary: RotaryTable?, _ context: TrainingContext) -> (output: Rows, kept: Kept) {
        let q = query.forward(x, context)
        let k = key.forward(x, context)
        let v = value.forward(x, context)
        rotary?.rotate(q, headSize: attention.headSize, layout: layout, context)
        rotary?.rotate(k, headSize: attention.headSize, layout: layout, context)
        let (mixed, sums) = attention.forward(q, k, v, layout, context)
        return (output.forward(mixed, context), Kept(input: x, q: q, k: k, v: v, mixed: mixed, sums: sums))
    }

    /// - Parameter dy: gradient of the output, `[rows, hidden]`
    /// - Returns: the gradient of the normed input, added to `sum` where there is one.
    func backward(
        _ dy: Rows, _ kept: Kept, _ layout: PackedLayout, rotary: RotaryTable?, addedTo sum: Rows? = nil, _ context: TrainingContext
    ) -> Rows {
        let mixed = output.backward(dy, input: kept.mixed, context)
        let (dq, dk, dv) = attention.backward(mixed, kept.q, kept.k, kept.v, sums: kept.sums, layout, context)
        rotary?.rotate(dq, headSize: attention.headSize, layout: layout, backwards: true, context)
        rotary?.rotate(dk, headSize: attention.headSize, layout: layout, backwards: true, context)
        query.collect(dq, input: kept.input, context)
        key.collect(dk, input: kept.input, context)
        value.collect(dv, input: kept.input, context)
        let dx = query.inputGradient(dq, addedTo: sum, context)
        key.inputGradient(dk, addedTo: dx, context)
        return value.inputGradient(dv, addedTo: dx, context)
    }
}
