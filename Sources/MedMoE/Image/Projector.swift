import CKernels
import Checkpoints
import Tensors

/// Turns tower features into rows of the backbone's width: linear layers with exact GELU between them.
struct Projector: Sendable {
    private let layers: [Linear]

    init(_ reader: WeightReader, configuration: ModelConfiguration) throws {
        let prefix = "model.mm_projector.image_spatial_proj"
        let from = configuration.imageFeatureSize
        let to = configuration.hiddenSize
        switch configuration.projector {
        case .linear: layers = [try reader.linear(prefix, from: from, to: to, bias: true)]
        case .mlp(let count):
            // Even places are the linear layers, odd ones the activations.
            layers = try (0..<count).map {
                try reader.linear("\(prefix).\(2 * $0)", from: $0 == 0 ? from : to, to: to, bias: true)
            }
        }
    }

    /// - Parameter features: `[patches, tower width]`
    /// - Returns: `[patches, hidden]`
    func callAsFunction(_ features: Rows, _ context: ComputeContext) throws -> Rows {
        var x = features
        for (index, layer) in layers.enumerated() {
            if index > 0 {
                let rows = x
                context.forEachBlock(of: rows) { first, count in ck_erf_gelu(rows.row(first), count * rows.width) }
            }
            x = try layer(x, context)
        }
        return x
    }
}
