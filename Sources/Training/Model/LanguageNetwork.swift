import CKernels
import Checkpoints
import MedMoE
import Tensors

/// The language backbone in training: decoder layers, final norm, head with its loss.
final class LanguageNetwork {
    let configuration: ModelConfiguration
    /// `[vocabulary, hidden]`
    let embeddings: Parameter
    let blocks: [DecoderBlock]
    let finalNorm: NormLayer
    let head: LinearLayer
    /// The experts, where they are in this process: per mixture layer, by index.
    let localExperts: [Int: [Int: FeedForwardLayer]]
    /// Keeps only the inputs of layers and computes them again in the backward pass: less memory, a third more work.
    var recomputes = false
    private let context: TrainingContext

    /// - Parameters:
    ///   - reader: tensors with the published names.
    ///   - trainers: where experts learn; nil for this process.
    init(
        _ reader: ParameterReader, configuration: ModelConfiguration, hasMeta: Bool, trainers: (any ExpertTrainers)?,
        _ context: TrainingContext
    ) throws {
        self.configuration = configuration
        self.context = context
        let hidden = configuration.hiddenSize
        let vocabulary = configuration.vocabularySize
        embeddings = try reader.parameter("model.embed_tokens.weight", shape: [vocabulary, hidden])
        var experts: [Int: [Int: FeedForwardLayer]] = [:]
        if let mixture = configuration.mixture, trainers == nil {
            for layer in mixture.layers {
                for expert in 0..<mixture.expertCount(layer: layer) {
                    experts[layer, default: [:]][expert] = try reader.network(
                        String(TensorNames.expert(layer: layer, expert: expert).dropLast()), configuration)
                }
            }
        }
        localExperts = experts
        let place = trainers ?? LocalExperts(experts, context)
        blocks = try (0..<configuration.layerCount).map { layer in
            try DecoderBlock(reader, layer: layer, configuration: configuration, hasMeta: hasMeta, trainers: place)
        }
        finalNorm = try reader.norm(
            configuration.backbone == .stableLM ? "model.norm" : "model.final_layernorm", width: hidden,
            epsilon: configuration.normEpsilon)
        let weight = configuration.tiesEmbeddings ? embeddings : try reader.parameter("lm_head.weight", shape: [vocabulary, hidden])
        head = LinearLayer(
            weight: weight, bias: reader.has("lm_head.bias") ? try reader.parameter("lm_head.bias", shape: [vocabulary]) : nil)
    }

    /// What the layers kept of a forward pass, and their output.
    struct Kept {
        let pass: DecoderBlock.Pass
        fileprivate var layers: [KeptLayer] = []
        /// Rows of the last layer that a loss reads.
        let wanted: WantedRows
        /// Rows before the final norm, `[wanted, hidden]`.
        fileprivate(set) var output: Rows
    }

    fileprivate enum KeptLayer {
        case all(DecoderBlock.Kept)
        /// `[rows, hidden]`
        case input(Rows)
    }

    /// Runs rows through all layers.
    ///
    /// - Parameters:
    ///   - input: embedded rows, `[rows, hidden]`
    ///   - targets: rows that the loss will read: the last layer computes only those.
    func forward(
        _ input: Rows, _ layout: PackedLayout, targets: [PackedBatch.Target], isolation: isolated (any Actor)? = #isolation
    ) async throws -> Kept {
        var kept = Kept(pass: pass(layout), wanted: WantedRows(layout, targets: targets.map(\.row)), output: input)
        for (index, block) in blocks.enumerated() {
            let wanted = index == blocks.count - 1 ? kept.wanted : nil
            let (y, state) = try await block.forward(kept.output, kept.pass, wanted: wanted, keeps: !recomputes)
            kept.layers.append(recomputes ? .input(kept.output) : .all(state))
            kept.output = y
        }
        return kept
    }

    /// Runs rows forward and shows what each layer's FFN sees, without keeping anything.
    ///
    /// - Parameter body: gets the layer and the normed rows that its FFN (or gate) works on, `[rows, hidden]`.
    func observe(
        _ input: Rows, _ layout: PackedLayout, isolation: isolated (any Actor)? = #isolation,
        _ body: (_ layer: Int, _ h: Rows) throws -> Void
    ) async throws {
        var x = input
        let pass = pass(layout)
        for (index, block) in blocks.enumerated() {
            let (y, kept) = try await block.forward(x, pass, keeps: false)
            switch kept.network {
            case .dense(let network): try body(index, network.input)
            case .mixture(let mixture): try body(index, mixture.input)
            }
            x = y
        }
    }

    /// - Parameters:
    ///   - dy: gradient of `kept.output`; used up.
    ///   - needsInput: whether embeddings or projector learn.
    /// - Returns: the gradient of the embedded rows, if wanted.
    func backward(
        _ dy: Rows, _ kept: consuming Kept, needsInput: Bool, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Rows? {
        // The lowest layer with something that learns is the last one that needs work.
        let lowest = needsInput ? 0 : blocks.firstIndex { learns($0) } ?? blocks.count
        var gradient = dy
        let pass = kept.pass
        for index in blocks.indices.reversed() where index >= lowest {
            let state: DecoderBlock.Kept
            switch kept.layers.removeLast() {
            case .all(let all): state = all
            case .input(let input):
                let wanted = index == blocks.count - 1 ? kept.wanted : nil
                state = try await blocks[index].forward(input, pass, wanted: wanted, keeps: true).kept
            }
            let below = try await blocks[index].backward(gradient, state, needsInput: needsInput || index > lowest, pass)
            guard let below else { return nil }
            gradient = below
        }
        return needsInput ? gradient : nil
    }

    /// Cross-entropy of some rows, and its gradients.
    ///
    /// - Parameters:
    ///   - kept: what the forward pass gave for these targets.
    ///   - targets: rows and the tokens that they should predict.
    ///   - factor: what gradients are multiplied by, such as one by the number of targets.
    /// - Returns: the sum of the losses, in nats, and the gradient of the output, `[wanted, hidden]`.
    func loss(_ kept: borrowing Kept, targets: [PackedBatch.Target], factor: Float) -> (sum: Double, gradient: Rows) {
        let output = kept.output
        let places = Dictionary(uniqueKeysWithValues: kept.wanted.rows.enumerated().map { ($1, $0) })
        let gradient = Rows(count: output.count, width: output.width)
        gradient.buffer.update(repeating: 0)
        var sum = 0.0
        // Logits of a large vocabulary are wide: a part of the rows at a time.
        let part = 512
        for first in stride(from: 0, to: targets.count, by: part) {
            let targets = targets[first..<min(targets.count, first + part)]
            let x = Rows(count: targets.count, width: output.width)
            for (place, target) in targets.enumerated() { x.row(place).update(from: output.row(places[target.row] ?? 0), count: x.width) }
            let normed = finalNorm.forward(x, context)
            let logits = head.forward(normed, context)
            let losses = UnsafeMutableBufferPointer<Double>.allocate(capacity: targets.count)
            defer { losses.deallocate() }
            context.pool.forEach(targets.count) { place in
                losses[place] = ck_cross_entropy(
                    logits.row(place), logits.width, targets[targets.startIndex + place].token, factor)
            }
            sum += losses.reduce(0, +)
            let dx = finalNorm.backward(head.backward(logits, input: normed, context), input: x, context)
            for (place, target) in targets.enumerated() { ck_add(gradient.row(places[target.row] ?? 0), dx.row(place), dx.width) }
        }
        return (sum, gradient)
    }

    private func pass(_ layout: PackedLayout) -> DecoderBlock.Pass {
        DecoderBlock.Pass(
            layout: layout,
            rotary: RotaryTable(
                dimensions: configuration.rotaryDimensions, theta: configuration.ropeTheta, positions: layout.positions),
            context: context)
    }

    private func learns(_ block: DecoderBlock) -> Bool {
        if case .mixture(let mixture) = block.network {
            if localExperts.isEmpty { return true }
            if localExperts[mixture.layer]?.values.contains(where: { $0.parameters.contains { $0.learns } }) ?? false { return true }
        }
        return block.parameters.contains { $0.learns }
    }
}

extension DecoderBlock {
    fileprivate init(
        _ reader: ParameterReader, layer: Int, configuration: ModelConfiguration, hasMeta: Bool, trainers: any ExpertTrainers
    ) throws {
        let prefix = "model.layers.\(layer)"
        let hidden = configuration.hiddenSize
        inputNorm = try reader.norm("\(prefix).input_layernorm", width: hidden, epsilon: configuration.normEpsilon)
        networkNorm = configuration.backbone == .stableLM
            ? try reader.norm("\(prefix).post_attention_layernorm", width: hidden, epsilon: configuration.normEpsilon) : nil
        attention = try AttentionLayer(reader, prefix: "\(prefix).self_attn", configuration: configuration)
        if let mixture = configuration.mixture, mixture.layers.contains(layer) {
            let always = AlwaysOnModule.prefixes(layer: layer, usesResidual: mixture.usesResidual)
                .first { reader.hasAny(below: $0) }
            let gate = "\(prefix).mlp.deepspeed_moe.gate.wg"
            network = .mixture(
                MixtureBlock(
                    layer: layer,
                    gate: try reader.linear(
                        gate, from: hidden, to: mixture.expertCount(layer: layer), bias: reader.has("\(gate).bias")),
                    coefficient: mixture.usesResidual
                        ? try reader.linear("\(prefix).mlp.coefficient", from: hidden, to: 2, bias: true) : nil,
                    alwaysOn: try always.map { try reader.network($0, configuration) }, hasMeta: hasMeta, topK: mixture.topK,
                    trainers: trainers))
        } else {
            network = .dense(try reader.network("\(prefix).mlp", configuration))
        }
    }
}

extension AttentionLayer {
    fileprivate init(_ reader: ParameterReader, prefix: String, configuration: ModelConfiguration) throws {
        let hidden = configuration.hiddenSize
        let narrow = configuration.keyValueHeadCount * configuration.headSize
        let bias = configuration.usesQKVBias
        query = try reader.linear("\(prefix).q_proj", from: hidden, to: hidden, bias: bias)
        key = try reader.linear("\(prefix).k_proj", from: hidden, to: narrow, bias: bias)
        value = try reader.linear("\(prefix).v_proj", from: hidden, to: narrow, bias: bias)
        output = switch configuration.backbone {
            case .stableLM: try reader.linear("\(prefix).o_proj", from: hidden, to: hidden, bias: false)
            case .phi: try reader.linear("\(prefix).dense", from: hidden, to: hidden, bias: true)
        }
        attention = PackedAttention(
            heads: configuration.headCount, keyValueHeads: configuration.keyValueHeadCount, headSize: configuration.headSize,
            isCausal: true)
    }
}
