import Checkpoints
import Tensors

/// One layer of the language backbone.
struct DecoderLayer: Sendable {
    private enum Block {
        case dense(FeedForward)
        case mixture(MixtureLayer)
    }

    private let inputNorm: LayerNorm
    /// StableLM's second norm; Phi feeds both branches from one.
    private let feedForwardNorm: LayerNorm?
    private let attention: SelfAttention
    private let block: Block

    init(_ reader: WeightReader, layer: Int, configuration: ModelConfiguration, hasMeta: Bool) throws {
        let prefix = "model.layers.\(layer)"
        let hidden = configuration.hiddenSize
        let epsilon = configuration.normEpsilon
        inputNorm = try reader.layerNorm("\(prefix).input_layernorm", width: hidden, epsilon: epsilon)
        switch configuration.backbone {
        case .stableLM:
            feedForwardNorm = try reader.layerNorm("\(prefix).post_attention_layernorm", width: hidden, epsilon: epsilon)
        case .phi: feedForwardNorm = nil
        }
        attention = try SelfAttention(reader, layer: layer, configuration: configuration)
        if let mixture = configuration.mixture, mixture.layers.contains(layer) {
            let router = try Router(reader, layer: layer, configuration: configuration, mixture: mixture, hasMeta: hasMeta)
            block = .mixture(MixtureLayer(layer: layer, router: router))
        } else {
            block = .dense(try FeedForward(reader, prefix: "\(prefix).mlp", configuration: configuration))
        }
    }

    /// StableLM: `x += attn(LN₁(x)); x += ffn(LN₂(x))`. Phi: `h = LN(x); x += attn(h) + ffn(h)`.
    ///
    /// - Parameter x: `[rows, hidden]`; a new matrix comes back.
    func callAsFunction(
        _ x: Rows, angles: [RotaryEmbedding.Angles], _ pass: ForwardPass, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Rows {
        let context = pass.context
        let h = inputNorm(x, context)
        let attended = try attention(h, segments: pass.segments, angles: angles, context)
        if let feedForwardNorm {
            attended.add(x)
            let y = try await feedForward(feedForwardNorm(attended, context), pass)
            y.add(attended)
            return y
        }
        let y = try await feedForward(h, pass)
        attended.add(y)
        attended.add(x)
        return attended
    }

    private func feedForward(_ h: Rows, _ pass: ForwardPass, isolation: isolated (any Actor)? = #isolation) async throws -> Rows {
        switch block {
        case .dense(let network): try network(h, pass.context)
        case .mixture(let mixture): try await mixture(h, pass)
        }
    }
}
