import Tensors

/// Self-attention with its projections, forward and backward: a decoder's (causal, rotary, grouped queries) or a tower's.
struct AttentionLayer {
    let query, key, value, output: LinearLayer
    let attention: PackedAttention

    /// What a backward pass needs of the forward pass.
    struct Kept {
        /// The normed input, `[rows, hidden]`.
        let input: Rows
        /// The wanted rows of it.
        let queryInput: Rows
        let segments: [PackedLayout.Segment]
        let wanted: WantedRows?
        /// After the rotation.
        let q, k, v: Rows
        let mixed: Rows
        let sums: Rows
    }

    var parameters: [Parameter] { query.parameters + key.parameters + value.parameters + output.parameters }

    /// - Parameters:
    ///   - x: `[rows, hidden]`
    ///   - wanted: the rows whose outputs are needed; nil for all.
    ///   - rotary: angles of the batch's positions; nil where positions are in the embeddings.
    /// - Returns: `[wanted, hidden]`, and what `backward` needs.
    func forward(
        _ x: Rows, _ layout: PackedLayout, wanted: WantedRows? = nil, rotary: RotaryTable?, _ context: TrainingContext
    ) -> (output: Rows, kept: Kept) {
        let queryInput = wanted?.gathered(x) ?? x
        let segments = wanted?.segments ?? layout.segments
        let q = query.forward(queryInput, context)
        let k = key.forward(x, context)
        let v = value.forward(x, context)
        rotary?.rotate(q, headSize: attention.headSize, segments: segments, wanted: true, context)
        rotary?.rotate(k, headSize: attention.headSize, segments: segments, context)
        let (mixed, sums) = attention.forward(q, k, v, segments, context)
        let kept = Kept(
            input: x, queryInput: queryInput, segments: segments, wanted: wanted, q: q, k: k, v: v, mixed: mixed, sums: sums)
        return (output.forward(mixed, context), kept)
    }

    /// - Parameter dy: gradient of the output, `[wanted, hidden]`
    /// - Returns: the gradient of the normed input, `[rows, hidden]`, added to `sum` where there is one.
    func backward(
        _ dy: Rows, _ kept: Kept, rotary: RotaryTable?, addedTo sum: Rows? = nil, _ context: TrainingContext
    ) -> Rows {
        let mixed = output.backward(dy, input: kept.mixed, context)
        let (dq, dk, dv) = attention.backward(mixed, kept.q, kept.k, kept.v, sums: kept.sums, kept.segments, context)
        rotary?.rotate(dq, headSize: attention.headSize, segments: kept.segments, wanted: true, backwards: true, context)
        rotary?.rotate(dk, headSize: attention.headSize, segments: kept.segments, backwards: true, context)
        query.collect(dq, input: kept.queryInput, context)
        key.collect(dk, input: kept.input, context)
        value.collect(dv, input: kept.input, context)
        let dx = key.inputGradient(dk, addedTo: sum, context)
        value.inputGradient(dv, addedTo: dx, context)
        if let wanted = kept.wanted {
            wanted.add(query.inputGradient(dq, context), to: dx)
        } else {
            query.inputGradient(dq, addedTo: dx, context)
        }
        return dx
    }
}
