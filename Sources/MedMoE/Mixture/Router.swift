import CKernels
import Checkpoints
import Tensors

/// What the gate of a mixture layer decided for a batch.
struct Routing {
    /// Per row, the chosen experts, best first; `topK` each.
    let experts: [[Int]]
    /// Per row, the factor of each choice.
    let factors: [[Float]]
    /// Per row, the factor of the always-on module; nil when the model has none.
    let metaFactors: [Float]?
    /// Raw gate outputs, `[rows, experts]`.
    let logits: Rows
}

/// The gate of one mixture layer.
///
/// `z = W_g h + b_g`, `g = softmax(z)`. The chosen experts are those with the largest z, the lowest index when equal.
/// Top-1 multiplies by g of the chosen one, top-2 by both renormalised to sum 1. With `use_residual` the mixture is
/// multiplied by c0 and the always-on module by c1 more, `(c0, c1) = softmax(W_c h + b_c)`.
struct Router: Sendable {
    private let gate: Linear
    private let coefficient: Linear?
    let expertCount: Int
    private let topK: Int
    /// Whether M(h) is added with factor 1.
    private let hasMeta: Bool

    init(_ reader: WeightReader, layer: Int, configuration: ModelConfiguration, mixture: ModelConfiguration.Mixture, hasMeta: Bool) throws {
        expertCount = mixture.expertCount(layer: layer)
        topK = mixture.topK
        self.hasMeta = hasMeta
        let mlp = "model.layers.\(layer).mlp"
        let gateName = "\(mlp).deepspeed_moe.gate.wg"
        // MoE-LLaVA's gate has no bias.
        gate = try reader.linear(
            gateName, from: configuration.hiddenSize, to: expertCount, bias: reader.has("\(gateName).bias"))
        coefficient = mixture.usesResidual
            ? try reader.linear("\(mlp).coefficient", from: configuration.hiddenSize, to: 2, bias: true) : nil
    }

    /// - Parameter h: normed rows, `[rows, hidden]`
    func callAsFunction(_ h: Rows, _ context: ComputeContext) throws -> Routing {
        let logits = try gate(h, context)
        guard ck_all_finite(logits.pointer, logits.elementCount) != 0 else { throw ModelError.notFinite("a gate's output") }
        var experts: [[Int]] = []
        var factors: [[Float]] = []
        experts.reserveCapacity(h.count)
        factors.reserveCapacity(h.count)
        let coefficients = try coefficient.map { try $0(h, context) }
        var metaFactors: [Float] = []
        for row in 0..<h.count {
            let g = GateChoice.softmax(UnsafeBufferPointer(start: logits.row(row), count: expertCount))
            let best = GateChoice.largest(UnsafeBufferPointer(start: logits.row(row), count: expertCount), except: nil)
            var chosen = [best]
            var weights = [g[best]]
            if topK == 2 {
                let second = GateChoice.largest(UnsafeBufferPointer(start: logits.row(row), count: expertCount), except: best)
                let sum = g[best] + g[second]
                chosen.append(second)
                weights = [g[best] / sum, g[second] / sum]
            }
            var meta: Float = hasMeta ? 1 : 0
            if let coefficients {
                let c = GateChoice.softmax(UnsafeBufferPointer(start: coefficients.row(row), count: 2))
                weights = weights.map { $0 * c[0] }
                meta += c[1]
            }
            experts.append(chosen)
            factors.append(weights)
            metaFactors.append(meta)
        }
        return Routing(
            experts: experts, factors: factors, metaFactors: hasMeta || coefficient != nil ? metaFactors : nil, logits: logits)
    }
}
