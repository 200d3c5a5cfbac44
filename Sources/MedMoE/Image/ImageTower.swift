import CKernels
import Checkpoints
import Tensors

/// The CLIP vision transformer, up to the hidden state that the model uses.
struct ImageTower: Sendable {
    let configuration: ImageTowerConfiguration
    /// `[hidden, 3 · patch · patch]`
    private let patchWeight: Tensor
    /// `[hidden]`
    private let classToken: Tensor
    /// `[1 + patches, hidden]`
    private let positions: Tensor
    private let preNorm: LayerNorm
    private let layers: [ImageTowerLayer]

    /// - Parameters:
    ///   - source: tensors with canonical names, `vision_model.…`.
    ///   - selectedLayer: which hidden state is wanted, as `mm_vision_select_layer` says it; layers behind it are not read.
    init(source: any TensorSource, configuration: ImageTowerConfiguration, selectedLayer: Int) throws {
        self.configuration = configuration
        let reader = WeightReader(source: source, hint: "the image tower is incomplete")
        let hidden = configuration.hiddenSize
        let patch = configuration.patchSize
        let needed = try configuration.layers(forHiddenState: selectedLayer)
        let embeddings = "vision_model.embeddings"
        patchWeight = try reader.float32("\(embeddings).patch_embedding.weight", shape: [hidden, 3, patch, patch])
            .reshaped([hidden, 3 * patch * patch])
        classToken = try reader.float32("\(embeddings).class_embedding", shape: [hidden])
        positions = try reader.float32(
            "\(embeddings).position_embedding.weight", shape: [configuration.patchCount + 1, hidden])
        preNorm = try reader.layerNorm("vision_model.pre_layrnorm", width: hidden, epsilon: configuration.normEpsilon)
        layers = try (0..<needed).map { try ImageTowerLayer(reader, index: $0, configuration: configuration) }
    }

    /// - Parameter pixels: `[3, S, S]`, normalised.
    /// - Returns: hidden rows, `[1 + patches, hidden]`, class token first.
    func callAsFunction(_ pixels: [Float], _ context: ComputeContext) throws -> Rows {
        let side = configuration.imageSize
        guard pixels.count == 3 * side * side else {
            throw ModelError.inconsistent("the tower takes 3 × \(side) × \(side) numbers, not \(pixels.count)")
        }
        let embedded = try context.multiply(patches(pixels), patchWeight)
        let x = Rows(count: embedded.count + 1, width: configuration.hiddenSize)
        classToken.withFloats { x.row(0).update(from: $0, count: x.width) }
        x.row(1).update(from: embedded.pointer, count: embedded.elementCount)
        positions.withFloats { ck_add(x.pointer, $0, x.elementCount) }
        var hidden = preNorm(x, context)
        for layer in layers { hidden = try layer(hidden, context) }
        return hidden
    }

    /// The pixels of each patch as a row in the order of the convolution's weight: channel, line, column.
    private func patches(_ pixels: [Float]) -> Rows {
        let side = configuration.imageSize
        let patch = configuration.patchSize
        let perSide = side / patch
        let rows = Rows(count: perSide * perSide, width: 3 * patch * patch)
        pixels.withUnsafeBufferPointer { pixels in
            guard let base = pixels.baseAddress else { return }
            for index in 0..<rows.count {
                var target = rows.row(index)
                for channel in 0..<3 {
                    for line in 0..<patch {
                        let y = index / perSide * patch + line
                        target.update(from: base + (channel * side + y) * side + index % perSide * patch, count: patch)
                        target += patch
                    }
                }
            }
        }
        return rows
    }
}

/// One encoder layer of the tower.
private struct ImageTowerLayer: Sendable {
    let norm1, norm2: LayerNorm
    let query, key, value, output: Linear
    let first, second: Linear
    let heads: Int
    let headSize: Int
    let activation: ImageTowerConfiguration.Activation

    init(_ reader: WeightReader, index: Int, configuration: ImageTowerConfiguration) throws {
        let prefix = "vision_model.encoder.layers.\(index)"
        let hidden = configuration.hiddenSize
        let epsilon = configuration.normEpsilon
        norm1 = try reader.layerNorm("\(prefix).layer_norm1", width: hidden, epsilon: epsilon)
        norm2 = try reader.layerNorm("\(prefix).layer_norm2", width: hidden, epsilon: epsilon)
        query = try reader.linear("\(prefix).self_attn.q_proj", from: hidden, to: hidden, bias: true)
        key = try reader.linear("\(prefix).self_attn.k_proj", from: hidden, to: hidden, bias: true)
        value = try reader.linear("\(prefix).self_attn.v_proj", from: hidden, to: hidden, bias: true)
        output = try reader.linear("\(prefix).self_attn.out_proj", from: hidden, to: hidden, bias: true)
        first = try reader.linear("\(prefix).mlp.fc1", from: hidden, to: configuration.intermediateSize, bias: true)
        second = try reader.linear("\(prefix).mlp.fc2", from: configuration.intermediateSize, to: hidden, bias: true)
        heads = configuration.headCount
        headSize = configuration.headSize
        activation = configuration.activation
    }

    func callAsFunction(_ x: Rows, _ context: ComputeContext) throws -> Rows {
        let attended = try attention(norm1(x, context), context)
        attended.add(x)
        let inner = try first(norm2(attended, context), context)
        context.forEachBlock(of: inner) { row, count in
            switch activation {
            case .quickGELU: ck_quick_gelu(inner.row(row), count * inner.width)
            case .gelu: ck_erf_gelu(inner.row(row), count * inner.width)
            }
        }
        let result = try second(inner, context)
        result.add(attended)
        return result
    }

    /// Every row sees every row: the keys of a head are laid out once, as a cache of the backbone has them.
    private func attention(_ x: Rows, _ context: ComputeContext) throws -> Rows {
        let q = try query(x, context)
        let k = try key(x, context)
        let v = try value(x, context)
        let mixed = Rows(count: x.count, width: x.width)
        let cache = try KeyValueCache(layers: 1, heads: heads, headSize: headSize, positions: x.count)
        cache.write(layer: 0, position: 0, count: x.count, key: k.pointer, value: v.pointer, stride: x.width)
        let scale = 1 / Float(headSize).squareRoot()
        context.pool.forEach(heads) { head in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: cache.capacity) { scores in
                guard let scratch = scores.baseAddress else { return }
                for row in 0..<x.count {
                    ck_attend(
                        q.row(row) + head * headSize, cache.keys(layer: 0, head: head), cache.values(layer: 0, head: head), x.count,
                        cache.capacity, headSize, scale, scratch, mixed.row(row) + head * headSize)
                }
            }
        }
        return try output(mixed, context)
    }
}

extension Tensor {
    /// The same elements under another shape of the same size.
    func reshaped(_ shape: [Int]) throws -> Tensor {
        guard try Tensor.byteCount(dtype: dtype, shape: shape) == byteCount else {
            throw TensorError.mismatch("shape \(self.shape) cannot become \(shape)")
        }
        return try Tensor(dtype: dtype, shape: shape, storage: storage, byteOffset: byteOffset)
    }
}
