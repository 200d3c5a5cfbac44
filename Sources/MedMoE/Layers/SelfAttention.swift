import CKernels
import Checkpoints
import Tensors

/// Rows of one sequence in a batch.
struct BatchSegment {
    let cache: KeyValueCache
    /// First row in the batch.
    let firstRow: Int
    /// Number of rows.
    let count: Int
    /// Position of the first row in its sequence.
    let position: Int
}

/// Causal self-attention of a decoder layer, with grouped queries.
struct SelfAttention: Sendable {
    let query: Linear
    let key: Linear
    let value: Linear
    let output: Linear
    let heads: Int
    let keyValueHeads: Int
    let headSize: Int
    let layer: Int

    init(_ reader: WeightReader, layer: Int, configuration: ModelConfiguration) throws {
        let prefix = "model.layers.\(layer).self_attn"
        let hidden = configuration.hiddenSize
        let narrow = configuration.keyValueHeadCount * configuration.headSize
        let bias = configuration.usesQKVBias
        query = try reader.linear("\(prefix).q_proj", from: hidden, to: hidden, bias: bias)
        key = try reader.linear("\(prefix).k_proj", from: hidden, to: narrow, bias: bias)
        value = try reader.linear("\(prefix).v_proj", from: hidden, to: narrow, bias: bias)
        switch configuration.backbone {
        case .stableLM: output = try reader.linear("\(prefix).o_proj", from: hidden, to: hidden, bias: false)
        case .phi: output = try reader.linear("\(prefix).dense", from: hidden, to: hidden, bias: true)
        }
        heads = configuration.headCount
        keyValueHeads = configuration.keyValueHeadCount
        headSize = configuration.headSize
        self.layer = layer
    }

    /// - Parameters:
    ///   - x: normed rows of the whole batch, `[rows, hidden]`
    ///   - angles: those of each segment's positions.
    /// - Returns: `[rows, hidden]`
    func callAsFunction(
        _ x: Rows, segments: [BatchSegment], angles: [RotaryEmbedding.Angles], _ context: ComputeContext
    ) throws -> Rows {
        let q = try query(x, context)
        let k = try key(x, context)
        let v = try value(x, context)
        let mixed = Rows(count: x.count, width: heads * headSize)
        for (segment, angles) in zip(segments, angles) {
            for row in 0..<segment.count {
                angles.rotate(q.row(segment.firstRow + row), heads: heads, headSize: headSize, index: row)
                angles.rotate(k.row(segment.firstRow + row), heads: keyValueHeads, headSize: headSize, index: row)
            }
            segment.cache.write(
                layer: layer, position: segment.position, count: segment.count, key: k.row(segment.firstRow),
                value: v.row(segment.firstRow), stride: keyValueHeads * headSize)
        }
        // One piece of work is one head over a few rows of one sequence.
        let rowsPerPiece = 16
        var pieces: [(segment: BatchSegment, head: Int, rows: Range<Int>)] = []
        for segment in segments {
            for first in stride(from: 0, to: segment.count, by: rowsPerPiece) {
                for head in 0..<heads {
                    pieces.append((segment, head, first..<min(segment.count, first + rowsPerPiece)))
                }
            }
        }
        let group = heads / keyValueHeads
        let scale = 1 / Float(headSize).squareRoot()
        context.pool.forEach(pieces.count) { index in
            let piece = pieces[index]
            let cache = piece.segment.cache
            let keys = cache.keys(layer: layer, head: piece.head / group)
            let values = cache.values(layer: layer, head: piece.head / group)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: cache.capacity) { scores in
                guard let scratch = scores.baseAddress else { return }
                for row in piece.rows {
                    let place = piece.segment.firstRow + row
                    ck_attend(
                        q.row(place) + piece.head * headSize, keys, values, piece.segment.position + row + 1, cache.capacity,
                        headSize, scale, scratch, mixed.row(place) + piece.head * headSize)
                }
            }
        }
        return try output(mixed, context)
    }
}
