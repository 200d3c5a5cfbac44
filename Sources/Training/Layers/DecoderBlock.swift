import CKernels
import Tensors

/// One layer of the language backbone, forward and backward.
///
/// StableLM: `x += attn(LN₁(x)); x += ffn(LN₂(x))`. Phi: `h = LN(x); x += attn(h) + ffn(h)`.
struct DecoderBlock {
    enum Network {
        case dense(FeedForwardLayer)
        case mixture(MixtureBlock)
    }

    let inputNorm: NormLayer
    /// StableLM's second norm; Phi feeds both branches from one.
    let networkNorm: NormLayer?
    let attention: AttentionLayer
    let network: Network

    /// What a backward pass needs of the forward pass.
    struct Kept {
        /// `[rows, hidden]`, what came in.
        let input: Rows
        let attention: AttentionLayer.Kept
        /// The input of StableLM's second norm.
        let middle: Rows?
        let network: KeptNetwork
    }

    enum KeptNetwork {
        case dense(FeedForwardLayer.Kept)
        case mixture(MixtureBlock.Kept)
    }

    /// What a batch brings to every layer.
    struct Pass {
        let layout: PackedLayout
        let rotary: RotaryTable?
        let context: TrainingContext
    }

    /// The parameters in this process besides the experts'.
    var parameters: [Parameter] {
        let own = switch network {
            case .dense(let network): network.parameters
            case .mixture(let mixture): mixture.parameters
        }
        return inputNorm.parameters + (networkNorm?.parameters ?? []) + attention.parameters + own
    }

    /// Whether anything before the second norm learns.
    private var attentionLearns: Bool { (inputNorm.parameters + attention.parameters).contains { $0.learns } }

    /// - Parameters:
    ///   - x: `[rows, hidden]`
    ///   - wanted: the rows whose outputs are needed; nil for all.
    ///   - keeps: whether `backward` follows: experts, wherever they are, keep what it needs only then.
    /// - Returns: new rows, `[wanted, hidden]`, and what `backward` needs.
    func forward(
        _ x: Rows, _ pass: Pass, wanted: WantedRows? = nil, keeps: Bool, isolation: isolated (any Actor)? = #isolation
    ) async throws -> (output: Rows, kept: Kept) {
        let context = pass.context
        let h = inputNorm.forward(x, context)
        let (attended, keptAttention) = attention.forward(h, pass.layout, wanted: wanted, rotary: pass.rotary, context)
        context.add(wanted?.gathered(x) ?? x, to: attended)
        guard let networkNorm else {
            let (y, kept) = try await forward(keptAttention.queryInput, keeps: keeps, context)
            context.add(attended, to: y)
            return (y, Kept(input: x, attention: keptAttention, middle: nil, network: kept))
        }
        let (y, kept) = try await forward(networkNorm.forward(attended, context), keeps: keeps, context)
        context.add(attended, to: y)
        return (y, Kept(input: x, attention: keptAttention, middle: attended, network: kept))
    }

    /// - Parameters:
    ///   - dy: gradient of the output, `[wanted, hidden]`; used up.
    ///   - needsInput: whether anything before this layer learns.
    /// - Returns: the gradient of the input, `[rows, hidden]`, if wanted.
    func backward(
        _ dy: Rows, _ kept: Kept, needsInput: Bool, _ pass: Pass, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Rows? {
        let context = pass.context
        let reachesAttention = needsInput || attentionLearns
        if let networkNorm, let middle = kept.middle {
            let needsNorm = reachesAttention || networkNorm.parameters.contains { $0.learns }
            let dh = try await backward(dy, kept.network, needsInput: needsNorm, context)
            guard let dh else { return nil }
            networkNorm.backward(dh, input: middle, addedTo: dy, context)
            guard reachesAttention else { return nil }
            return inputGradient(attention.backward(dy, kept.attention, rotary: pass.rotary, context), dy, kept, context)
        }
        let dh = try await backward(dy, kept.network, needsInput: reachesAttention, context)
        guard reachesAttention else { return nil }
        if let wanted = kept.attention.wanted {
            let da = attention.backward(dy, kept.attention, rotary: pass.rotary, context)
            if let dh { wanted.add(dh, to: da) }
            return inputGradient(da, dy, kept, context)
        }
        return inputGradient(attention.backward(dy, kept.attention, rotary: pass.rotary, addedTo: dh, context), dy, kept, context)
    }

    /// The gradient of the input from that of the normed input and, past the norm, that of the output.
    private func inputGradient(_ da: Rows, _ dy: Rows, _ kept: Kept, _ context: TrainingContext) -> Rows {
        guard let wanted = kept.attention.wanted else { return inputNorm.backward(da, input: kept.input, addedTo: dy, context) }
        let dx = inputNorm.backward(da, input: kept.input, context)
        wanted.add(dy, to: dx)
        return dx
    }

    private func forward(
        _ h: Rows, keeps: Bool, _ context: TrainingContext, isolation: isolated (any Actor)? = #isolation
    ) async throws -> (output: Rows, kept: KeptNetwork) {
        switch network {
        case .dense(let network):
            let (y, kept) = network.forward(h, context)
            return (y, .dense(kept))
        case .mixture(let mixture):
            let (y, kept) = try await mixture.forward(h, keeps: keeps, context)
            return (y, .mixture(kept))
        }
    }

    private func backward(
        _ dy: Rows, _ kept: KeptNetwork, needsInput: Bool, _ context: TrainingContext,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> Rows? {
        switch (network, kept) {
        case (.dense(let network), .dense(let kept)): return network.backward(dy, kept, needsInput: needsInput, context)
        case (.mixture(let mixture), .mixture(let kept)):
            return try await mixture.backward(dy, kept, needsInput: needsInput, context)
        default: throw TrainingError.internalState("what a layer kept belongs to a layer of another kind")
        }
    }
}

extension TrainingContext {
    /// `sum += x`, elementwise.
    func add(_ x: Rows, to sum: Rows) {
        forEachBlock(rows: x.count, width: x.width) { rows in
            ck_add(sum.row(rows.lowerBound), x.row(rows.lowerBound), rows.count * x.width)
        }
    }
}
