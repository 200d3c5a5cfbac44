import CKernels
import COpenBLAS
import Tensors

/// Attention of the heads over packed sequences, forward and backward.
///
/// Probabilities are not kept but made again from the logarithms of their sums (as in FlashAttention, arXiv 2205.14135), so
/// memory grows with the rows and not with their square.
struct PackedAttention {
    let heads: Int
    let keyValueHeads: Int
    let headSize: Int
    /// Whether a row sees only what stands before it.
    let isCausal: Bool

    /// Query rows per piece: what limits the scratch memory.
    private let block = 128
    private var group: Int { heads / keyValueHeads }
    private var scale: Float { 1 / Float(headSize).squareRoot() }

    /// - Parameters:
    ///   - q: of the wanted rows, `[wanted, heads · headSize]`
    ///   - k: of all rows, `[rows, keyValueHeads · headSize]`, like `v`.
    /// - Returns: the mixed values, `[wanted, heads · headSize]`, and the log-sum-exp of the scaled scores, `[heads, wanted]`.
    func forward(
        _ q: Rows, _ k: Rows, _ v: Rows, _ segments: [PackedLayout.Segment], _ context: TrainingContext
    ) -> (mixed: Rows, sums: Rows) {
        let mixed = Rows(count: q.count, width: q.width)
        let sums = Rows(count: heads, width: q.count)
        context.pool.forEach(segments.count * keyValueHeads) { piece in
            let segment = segments[piece / keyValueHeads]
            guard !segment.queries.isEmpty else { return }
            let head = piece % keyValueHeads
            let keys = gathered(k, segment, head: head)
            let values = gathered(v, segment, head: head)
            let scores = Rows(count: block, width: segment.keys)
            for query in head * group..<(head + 1) * group {
                forEachBlock(of: segment) { rows, visible, step in
                    let count = rows.count
                    let width = step == 0 ? segment.keys : visible + count - 1
                    let place = query * headSize
                    multiply(
                        CblasNoTrans, CblasTrans, count, width, headSize, q.row(rows.lowerBound) + place, q.width, keys.pointer,
                        headSize, 0, scores.pointer, width)
                    ck_attention_softmax(
                        scores.pointer, count, width, visible, step, scale, sums.row(query) + rows.lowerBound)
                    multiply(
                        CblasNoTrans, CblasNoTrans, count, headSize, width, scores.pointer, width, values.pointer, headSize, 0,
                        mixed.row(rows.lowerBound) + place, mixed.width)
                }
            }
        }
        return (mixed, sums)
    }

    /// - Parameters:
    ///   - gradient: of the mixed values, `[wanted, heads · headSize]`
    ///   - sums: what `forward` returned.
    /// - Returns: the gradients of `q`, `k` and `v`.
    func backward(
        _ gradient: Rows, _ q: Rows, _ k: Rows, _ v: Rows, sums: Rows, _ segments: [PackedLayout.Segment], _ context: TrainingContext
    ) -> (q: Rows, k: Rows, v: Rows) {
        let dq = Rows(count: q.count, width: q.width)
        let dk = Rows(count: k.count, width: k.width)
        let dv = Rows(count: v.count, width: v.width)
        let prefix = segments.last?.before ?? 0
        // Sequences of one chunk add to the prefix's gradients in their order; chunks are added up in theirs.
        let perChunk = 4
        let chunks = (segments.count + perChunk - 1) / perChunk
        let shared = Rows(count: prefix > 0 ? chunks * 2 * prefix : 0, width: k.width)
        shared.buffer.update(repeating: 0)
        context.pool.forEach(chunks * keyValueHeads) { piece in
            let (chunk, head) = (piece / keyValueHeads, piece % keyValueHeads)
            for segment in segments[chunk * perChunk..<min(segments.count, (chunk + 1) * perChunk)] {
                let keys = gathered(k, segment, head: head)
                let values = gathered(v, segment, head: head)
                let (keyGradient, valueGradient) = backward(
                    segment, head: head, gradient, q, keys, values, sums: sums, into: dq)
                let place = head * headSize
                for position in 0..<segment.keys {
                    let own = position - segment.before
                    if own >= 0 {
                        let row = segment.rows.lowerBound + own
                        (dk.row(row) + place).update(from: keyGradient.row(position), count: headSize)
                        (dv.row(row) + place).update(from: valueGradient.row(position), count: headSize)
                    } else {
                        let row = chunk * 2 * prefix + position
                        ck_add(shared.row(row) + place, keyGradient.row(position), headSize)
                        ck_add(shared.row(row + prefix) + place, valueGradient.row(position), headSize)
                    }
                }
            }
        }
        if prefix > 0 {
            for chunk in 0..<chunks {
                let first = chunk * 2 * prefix
                ck_add(dk.pointer, shared.row(first), prefix * k.width)
                ck_add(dv.pointer, shared.row(first + prefix), prefix * k.width)
            }
        }
        return (dq, dk, dv)
    }

    /// One key head of one segment; writes the query gradients of its rows.
    private func backward(
        _ segment: PackedLayout.Segment, head: Int, _ gradient: Rows, _ q: Rows, _ keys: Rows, _ values: Rows, sums: Rows,
        into dq: Rows
    ) -> (keys: Rows, values: Rows) {
        let dk = Rows(count: segment.keys, width: headSize)
        let dv = Rows(count: segment.keys, width: headSize)
        dk.buffer.update(repeating: 0)
        dv.buffer.update(repeating: 0)
        let p = Rows(count: block, width: segment.keys)
        let dp = Rows(count: block, width: segment.keys)
        for query in head * group..<(head + 1) * group {
            let place = query * headSize
            forEachBlock(of: segment) { rows, visible, step in
                let count = rows.count
                let width = step == 0 ? segment.keys : visible + count - 1
                let queries = q.row(rows.lowerBound) + place
                let outer = gradient.row(rows.lowerBound) + place
                multiply(
                    CblasNoTrans, CblasTrans, count, width, headSize, queries, q.width, keys.pointer, headSize, 0, p.pointer, width)
                ck_attention_softmax_again(p.pointer, count, width, visible, step, scale, sums.row(query) + rows.lowerBound)
                multiply(
                    CblasTrans, CblasNoTrans, width, headSize, count, p.pointer, width, outer, gradient.width, 1, dv.pointer,
                    headSize)
                multiply(
                    CblasNoTrans, CblasTrans, count, width, headSize, outer, gradient.width, values.pointer, headSize, 0,
                    dp.pointer, width)
                ck_attention_softmax_backward(p.pointer, dp.pointer, count, width, scale)
                multiply(
                    CblasNoTrans, CblasNoTrans, count, headSize, width, dp.pointer, width, keys.pointer, headSize, 0,
                    dq.row(rows.lowerBound) + place, dq.width)
                multiply(
                    CblasTrans, CblasNoTrans, width, headSize, count, dp.pointer, width, queries, q.width, 1, dk.pointer, headSize)
            }
        }
        return (dk, dv)
    }

    /// Blocks of a segment's wanted rows, by their places: `visible` positions are seen by the first row of the block, `step` more by
    /// each one after it.
    private func forEachBlock(of segment: PackedLayout.Segment, _ body: (_ places: Range<Int>, _ visible: Int, _ step: Int) -> Void) {
        for first in stride(from: 0, to: segment.queries.count, by: block) {
            let last = min(segment.queries.count, first + block)
            body(
                segment.place + first..<segment.place + last, isCausal ? segment.firstPosition + first + 1 : segment.keys,
                isCausal ? 1 : 0)
        }
    }

    /// Keys or values of one head that a segment sees, `[keys, headSize]`.
    private func gathered(_ x: Rows, _ segment: PackedLayout.Segment, head: Int) -> Rows {
        let result = Rows(count: segment.keys, width: headSize)
        for position in 0..<segment.keys {
            let row = position < segment.before ? position : segment.rows.lowerBound + position - segment.before
            result.row(position).update(from: x.row(row) + head * headSize, count: headSize)
        }
        return result
    }
}
