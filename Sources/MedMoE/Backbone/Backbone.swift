import CKernels
import Checkpoints
import Tensors

/// The language backbone: embeddings, decoder layers, final norm and head.
struct Backbone: Sendable {
    let configuration: ModelConfiguration
    /// `[vocabulary, hidden]`, in the checkpoint's number type: rows are widened one by one.
    private let embeddings: Tensor
    private let layers: [DecoderLayer]
    private let finalNorm: LayerNorm
    private let head: Linear
    private let rotary: RotaryEmbedding

    /// - Parameter hasMeta: whether the mixture layers have a meta expert. The tensors themselves may lie elsewhere.
    init(source: any TensorSource, configuration: ModelConfiguration, hasMeta: Bool) throws {
        let reader = WeightReader(source: source, hint: "this is not a folder that a coordinator can run on")
        self.configuration = configuration
        let hidden = configuration.hiddenSize
        let vocabulary = configuration.vocabularySize
        embeddings = try reader.stored("model.embed_tokens.weight", shape: [vocabulary, hidden])
        layers = try (0..<configuration.layerCount).map {
            try DecoderLayer(reader, layer: $0, configuration: configuration, hasMeta: hasMeta)
        }
        let normName = configuration.backbone == .stableLM ? "model.norm" : "model.final_layernorm"
        finalNorm = try reader.layerNorm(normName, width: hidden, epsilon: configuration.normEpsilon)
        // Phi-2 has a bias here, the public mixture code built on it has none. Tying shares the weight only.
        let headBias = reader.has("lm_head.bias") ? try reader.float32("lm_head.bias", shape: [vocabulary]) : nil
        let headWeight = configuration.tiesEmbeddings
            ? try embeddings.float32() : try reader.float32("lm_head.weight", shape: [vocabulary, hidden])
        head = Linear(weight: headWeight, bias: headBias)
        rotary = RotaryEmbedding(dimensions: configuration.rotaryDimensions, theta: configuration.ropeTheta)
    }

    /// Writes the embedding of a token into a row of `hidden` floats.
    func embed(_ token: Int, into row: UnsafeMutablePointer<Float>) throws { try embeddings.widenRow(token, into: row) }

    /// An empty cache with room for a whole sequence.
    func makeCache(positions: Int) throws -> KeyValueCache {
        try KeyValueCache(
            layers: configuration.layerCount, heads: configuration.keyValueHeadCount, headSize: configuration.headSize,
            positions: positions)
    }

    /// Runs rows through all layers and the final norm. Caches are written, but not advanced.
    ///
    /// - Parameter input: embedded rows of the batch, `[rows, hidden]`
    /// - Returns: `[rows, hidden]`
    func callAsFunction(_ input: Rows, _ pass: ForwardPass, isolation: isolated (any Actor)? = #isolation) async throws -> Rows {
        var x = input
        let angles = pass.segments.map { rotary.angles(from: $0.position, count: $0.count) }
        for (index, layer) in layers.enumerated() {
            pass.observer?.observe("hidden.\(index)", x)
            x = try await layer(x, angles: angles, pass)
        }
        let normed = finalNorm(x, pass.context)
        pass.observer?.observe("hidden.\(layers.count)", normed)
        return normed
    }

    /// - Parameter rows: normed rows, `[rows, hidden]`
    /// - Returns: `[rows, vocabulary]`
    func logits(_ rows: Rows, _ context: ComputeContext) throws -> Rows { try head(rows, context) }
}
