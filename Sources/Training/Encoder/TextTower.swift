import CKernels
import Checkpoints
import Tensors

/// Sizes of the text tower that stands beside the image tower while that learns.
struct TextTowerShape: Sendable, Hashable {
    var vocabulary: Int
    /// Width of the hidden states.
    var width: Int
    var layers: Int
    var heads: Int
    /// Tokens that are read of a text; the rest is cut off.
    var positions: Int
}

/// A small bidirectional transformer that turns a text into one vector: the mean of its last hidden states, normed.
final class TextTower {
    let shape: TextTowerShape
    private let embeddings: Parameter
    private let positions: Parameter
    private let blocks: [EncoderBlock]
    private let norm: NormLayer
    private let context: TrainingContext

    /// What a backward pass needs of the forward pass.
    struct Kept {
        fileprivate let tokens: [[Int]]
        fileprivate let layout: PackedLayout
        fileprivate var blocks: [EncoderBlock.Kept] = []
        fileprivate let means: Rows
    }

    /// - Parameter reader: tensors named as `tensors` names them.
    init(_ reader: ParameterReader, shape: TextTowerShape, _ context: TrainingContext) throws {
        self.shape = shape
        self.context = context
        embeddings = try reader.parameter("text_model.embeddings.token_embedding.weight", shape: [shape.vocabulary, shape.width])
        positions = try reader.parameter("text_model.embeddings.position_embedding.weight", shape: [shape.positions, shape.width])
        blocks = try (0..<shape.layers).map { layer in
            try EncoderBlock(
                reader, prefix: "text_model.encoder.layers.\(layer)", hidden: shape.width, inner: 4 * shape.width,
                heads: shape.heads, epsilon: 1e-5, activation: .quickGELU)
        }
        norm = try reader.norm("text_model.final_layer_norm", width: shape.width, epsilon: 1e-5)
    }

    /// New weights.
    static func tensors(_ shape: TextTowerShape, _ initial: inout Initialisation) throws -> [String: Tensor] {
        var maker = TensorMaker(initial)
        maker.tensors["text_model.embeddings.token_embedding.weight"] =
            try maker.initial.normal(shape.vocabulary, shape.width, deviation: 0.02).tensor()
        maker.tensors["text_model.embeddings.position_embedding.weight"] =
            try maker.initial.normal(shape.positions, shape.width, deviation: 0.02).tensor()
        for layer in 0..<shape.layers {
            try maker.encoderLayer("text_model.encoder.layers.\(layer)", width: shape.width)
        }
        try maker.norm("text_model.final_layer_norm", shape.width)
        initial = maker.initial
        return maker.tensors
    }

    /// - Parameter texts: token identifiers, all within the vocabulary: those of a `LearnableModel`'s tokenizer are. Cut at the tower's
    ///   positions. None is empty.
    /// - Returns: `[texts, width]`
    func forward(_ texts: [[Int]]) -> (output: Rows, kept: Kept) {
        let tokens = texts.map { Array($0.prefix(shape.positions)) }
        let layout = PackedLayout(lengths: tokens.map(\.count))
        let x = Rows(count: layout.rows, width: shape.width)
        for (ids, rows) in zip(tokens, layout.sequences) {
            for (position, id) in ids.enumerated() {
                let row = x.row(rows.lowerBound + position)
                row.update(from: embeddings.value.row(id), count: x.width)
                ck_add(row, positions.value.row(position), x.width)
            }
        }
        var hidden = x
        var states: [EncoderBlock.Kept] = []
        for block in blocks {
            let (y, state) = block.forward(hidden, layout, context)
            states.append(state)
            hidden = y
        }
        let means = Rows(count: tokens.count, width: x.width)
        means.buffer.update(repeating: 0)
        for (text, rows) in layout.sequences.enumerated() {
            for row in rows { ck_add(means.row(text), hidden.row(row), x.width) }
            var factor = 1 / Float(max(1, rows.count))
            ck_scale_rows(means.row(text), &factor, 1, x.width)
        }
        return (norm.forward(means, context), Kept(tokens: tokens, layout: layout, blocks: states, means: means))
    }

    /// Collects gradients.
    ///
    /// - Parameter dy: gradient of the output, `[texts, width]`
    func backward(_ dy: Rows, _ kept: consuming Kept) {
        let means = norm.backward(dy, input: kept.means, context)
        var gradient = Rows(count: kept.layout.rows, width: dy.width)
        for (text, rows) in kept.layout.sequences.enumerated() {
            var factor = 1 / Float(max(1, rows.count))
            ck_scale_rows(means.row(text), &factor, 1, dy.width)
            for row in rows { gradient.row(row).update(from: means.row(text), count: dy.width) }
        }
        for block in blocks.reversed() { gradient = block.backward(gradient, kept.blocks.removeLast(), context) }
        for (ids, rows) in zip(kept.tokens, kept.layout.sequences) {
            for (position, id) in ids.enumerated() {
                let row = gradient.row(rows.lowerBound + position)
                if let target = embeddings.gradient { ck_add(target.row(id), row, dy.width) }
                if let target = positions.gradient { ck_add(target.row(position), row, dy.width) }
            }
        }
    }
}
