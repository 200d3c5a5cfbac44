import CKernels
import Checkpoints
import Tensors

/// One encoder layer of an image or text tower, forward and backward: `x += attn(LN₁(x)); x += mlp(LN₂(x))`.
struct EncoderBlock {
    let norm1, norm2: NormLayer
    let attention: AttentionLayer
    let network: FeedForwardLayer

    /// What a backward pass needs of the forward pass.
    struct Kept {
        let input, middle: Rows
        let attention: AttentionLayer.Kept
        let network: FeedForwardLayer.Kept
    }

    init(
        _ reader: ParameterReader, prefix: String, hidden: Int, inner: Int, heads: Int, epsilon: Double, activation: Activation
    ) throws {
        norm1 = try reader.norm("\(prefix).layer_norm1", width: hidden, epsilon: epsilon)
        norm2 = try reader.norm("\(prefix).layer_norm2", width: hidden, epsilon: epsilon)
        attention = AttentionLayer(
            query: try reader.linear("\(prefix).self_attn.q_proj", from: hidden, to: hidden, bias: true),
            key: try reader.linear("\(prefix).self_attn.k_proj", from: hidden, to: hidden, bias: true),
            value: try reader.linear("\(prefix).self_attn.v_proj", from: hidden, to: hidden, bias: true),
            output: try reader.linear("\(prefix).self_attn.out_proj", from: hidden, to: hidden, bias: true),
            attention: PackedAttention(heads: heads, keyValueHeads: heads, headSize: hidden / heads, isCausal: false))
        network = FeedForwardLayer(
            first: try reader.linear("\(prefix).mlp.fc1", from: hidden, to: inner, bias: true), activation: activation,
            second: try reader.linear("\(prefix).mlp.fc2", from: inner, to: hidden, bias: true))
    }

    func forward(_ x: Rows, _ layout: PackedLayout, _ context: TrainingContext) -> (output: Rows, kept: Kept) {
        let (attended, attention) = attention.forward(norm1.forward(x, context), layout, rotary: nil, context)
        context.add(x, to: attended)
        let (y, network) = network.forward(norm2.forward(attended, context), context)
        context.add(attended, to: y)
        return (y, Kept(input: x, middle: attended, attention: attention, network: network))
    }

    /// - Parameter dy: gradient of the output; used up.
    /// - Returns: the gradient of the input.
    func backward(_ dy: Rows, _ kept: Kept, _ context: TrainingContext) -> Rows {
        if let dh = network.backward(dy, kept.network, context) { norm2.backward(dh, input: kept.middle, addedTo: dy, context) }
        let da = attention.backward(dy, kept.attention, rotary: nil, context)
        return norm1.backward(da, input: kept.input, addedTo: dy, context)
    }
}

/// The CLIP vision transformer in training, many images at a time.
public final class TowerNetwork {
    public let configuration: ImageTowerConfiguration
    /// All parameters, in a fixed order.
    public let parameters: [Parameter]
    /// `[hidden, 3, patch, patch]`
    private let patches: Parameter
    /// `[hidden]`
    private let classToken: Parameter
    /// `[1 + patches, hidden]`
    private let positions: Parameter
    private let preNorm: NormLayer
    private let blocks: [EncoderBlock]
    private let postNorm: NormLayer
    private let context: TrainingContext

    /// Rows of one image, its class token's included.
    public var rowsPerImage: Int { configuration.patchCount + 1 }

    /// Whether `forward` keeps the input of each block alone, and `backward` computes the block again.
    var recomputes = false

    /// What a backward pass needs of the forward pass.
    struct Kept {
        fileprivate let pixels: Rows
        fileprivate let embedded: Rows
        fileprivate let layout: PackedLayout
        fileprivate var blocks: [Block] = []

        fileprivate enum Block {
            case all(EncoderBlock.Kept)
            case input(Rows)
        }
    }

    /// - Parameter source: tensors named `vision_model.…`.
    /// - Throws: `CheckpointError` for tensors that are missing or of the wrong shape.
    public init(_ source: any TensorSource, configuration: ImageTowerConfiguration, _ context: TrainingContext) throws {
        self.configuration = configuration
        self.context = context
        let reader = ParameterReader(source)
        let (hidden, patch, epsilon) = (configuration.hiddenSize, configuration.patchSize, configuration.normEpsilon)
        let embeddings = "vision_model.embeddings"
        patches = try reader.parameter("\(embeddings).patch_embedding.weight", shape: [hidden, 3, patch, patch])
        classToken = try reader.parameter("\(embeddings).class_embedding", shape: [hidden])
        positions = try reader.parameter(
            "\(embeddings).position_embedding.weight", shape: [configuration.patchCount + 1, hidden])
        preNorm = try reader.norm("vision_model.pre_layrnorm", width: hidden, epsilon: epsilon)
        blocks = try (0..<configuration.layerCount).map { layer in
            try EncoderBlock(
                reader, prefix: "vision_model.encoder.layers.\(layer)", hidden: hidden, inner: configuration.intermediateSize,
                heads: configuration.headCount, epsilon: epsilon,
                activation: configuration.activation == .quickGELU ? .quickGELU : .gelu)
        }
        postNorm = try reader.norm("vision_model.post_layernorm", width: hidden, epsilon: epsilon)
        parameters = reader.parameters
    }

    /// Pixels of one image as rows of patches in the order of the convolution's weight: channel, line, column.
    ///
    /// - Parameters:
    ///   - pixels: `[3, S, S]`, normalised.
    ///   - first: where the image's rows of `[patches, 3 · patch · patch]` go.
    public func cut(_ pixels: UnsafePointer<Float>, into rows: Rows, first: Int) {
        let (side, patch) = (configuration.imageSize, configuration.patchSize)
        let perSide = side / patch
        for index in 0..<configuration.patchCount {
            var target = rows.row(first + index)
            for channel in 0..<3 {
                for line in 0..<patch {
                    let y = index / perSide * patch + line
                    target.update(from: pixels + (channel * side + y) * side + index % perSide * patch, count: patch)
                    target += patch
                }
            }
        }
    }

    /// - Parameter pixels: `[images · patches, 3 · patch · patch]`, as `cut` writes them.
    /// - Returns: hidden rows of all images, `[images · (1 + patches), hidden]`, each image's class token first.
    func forward(_ pixels: Rows) -> (output: Rows, kept: Kept) {
        let layout = layout(of: pixels)
        let embedded = embedded(pixels, context)
        var kept = Kept(pixels: pixels, embedded: embedded, layout: layout)
        var hidden = preNorm.forward(embedded, context)
        for block in blocks {
            let (y, state) = block.forward(hidden, layout, context)
            kept.blocks.append(recomputes ? .input(hidden) : .all(state))
            hidden = y
        }
        return (hidden, kept)
    }

    /// What `forward` returns, without a backward pass to come: nothing is kept.
    ///
    /// - Parameters:
    ///   - layers: how many encoder layers run; nil for all.
    ///   - other: the threads that compute; nil for the tower's own.
    func output(of pixels: Rows, layers: Int? = nil, on other: TrainingContext? = nil) -> Rows {
        let context = other ?? context
        let layout = layout(of: pixels)
        var hidden = preNorm.forward(embedded(pixels, context), context)
        for block in blocks.prefix(layers ?? blocks.count) { hidden = block.forward(hidden, layout, context).output }
        return hidden
    }

    private func layout(of pixels: Rows) -> PackedLayout {
        PackedLayout(lengths: Array(repeating: rowsPerImage, count: pixels.count / configuration.patchCount))
    }

    /// Patches, each image's class token before them, with their positions.
    private func embedded(_ pixels: Rows, _ context: TrainingContext) -> Rows {
        let weight = patches.value
        let embedded = context.product(pixels, transposed: weight)
        let images = pixels.count / configuration.patchCount
        let x = Rows(count: images * rowsPerImage, width: configuration.hiddenSize)
        context.pool.forEach(images) { image in
            let first = image * rowsPerImage
            x.row(first).update(from: classToken.value.pointer, count: x.width)
            x.row(first + 1).update(from: embedded.row(image * configuration.patchCount), count: configuration.patchCount * x.width)
            ck_add(x.row(first), positions.value.pointer, rowsPerImage * x.width)
        }
        return x
    }

    /// Collects the gradients of all parameters but the last norm's.
    ///
    /// - Parameter dy: gradient of the output; used up.
    func backward(_ dy: Rows, _ kept: consuming Kept) {
        var gradient = dy
        for block in blocks.reversed() {
            let state = switch kept.blocks.removeLast() {
                case .all(let state): state
                case .input(let x): block.forward(x, kept.layout, context).kept
            }
            gradient = block.backward(gradient, state, context)
        }
        let dx = preNorm.backward(gradient, input: kept.embedded, context)
        let images = kept.pixels.count / configuration.patchCount
        let patchGradient = Rows(count: kept.pixels.count, width: dx.width)
        for image in 0..<images {
            let first = image * rowsPerImage
            if let gradient = classToken.gradient { ck_add(gradient.pointer, dx.row(first), dx.width) }
            if let gradient = positions.gradient { ck_add(gradient.pointer, dx.row(first), rowsPerImage * dx.width) }
            patchGradient.row(image * configuration.patchCount).update(
                from: dx.row(first + 1), count: configuration.patchCount * dx.width)
        }
        if let gradient = patches.gradient { context.addOuterProduct(patchGradient, kept.pixels, to: gradient) }
    }

    /// The normed class tokens of a forward pass, `[images, hidden]`: what a contrastive head gets.
    func pooled(_ output: Rows) -> (normed: Rows, kept: Rows) {
        let classes = Rows(count: output.count / rowsPerImage, width: output.width)
        for image in 0..<classes.count { classes.row(image).update(from: output.row(image * rowsPerImage), count: output.width) }
        return (postNorm.forward(classes, context), classes)
    }

    /// The gradient of a forward pass's output from that of the normed class tokens.
    func pooledBackward(_ gradient: Rows, _ kept: Rows) -> Rows {
        let classes = postNorm.backward(gradient, input: kept, context)
        let dy = Rows(count: kept.count * rowsPerImage, width: kept.width)
        dy.buffer.update(repeating: 0)
        for image in 0..<kept.count { dy.row(image * rowsPerImage).update(from: classes.row(image), count: kept.width) }
        return dy
    }
}
