import Checkpoints
import Tensors

/// The projector in training: linear layers with exact GELU between them.
struct ProjectorNetwork {
    private let layers: [LinearLayer]

    /// What a backward pass needs: per layer its input, and what went into the activation before it.
    struct Kept {
        fileprivate var inputs: [Rows] = []
        fileprivate var inner: [Rows] = []
    }

    init(_ reader: ParameterReader, configuration: ModelConfiguration) throws {
        let prefix = "model.mm_projector.image_spatial_proj"
        let (from, to) = (configuration.imageFeatureSize, configuration.hiddenSize)
        switch configuration.projector {
        case .linear: layers = [try reader.linear(prefix, from: from, to: to, bias: true)]
        case .mlp(let count):
            // Even places are the linear layers, odd ones the activations.
            layers = try (0..<count).map {
                try reader.linear("\(prefix).\(2 * $0)", from: $0 == 0 ? from : to, to: to, bias: true)
            }
        }
    }

    var parameters: [Parameter] { layers.flatMap(\.parameters) }

    /// - Parameter features: `[rows, tower width]`
    /// - Returns: `[rows, hidden]`
    func forward(_ features: Rows, _ context: TrainingContext) -> (output: Rows, kept: Kept) {
        var kept = Kept()
        var x = features
        for (index, layer) in layers.enumerated() {
            if index > 0 {
                kept.inner.append(x)
                x = Activation.gelu.forward(x, context)
            }
            kept.inputs.append(x)
            x = layer.forward(x, context)
        }
        return (x, kept)
    }

    /// Collects gradients. The tower before it is frozen where the projector learns, so no gradient goes on.
    func backward(_ gradient: Rows, _ kept: Kept, _ context: TrainingContext) {
        var dy = gradient
        for (index, layer) in layers.enumerated().reversed() {
            layer.collect(dy, input: kept.inputs[index], context)
            guard index > 0 else { return }
            let dx = layer.inputGradient(dy, context)
            _ = Activation.gelu.backward(kept.inner[index - 1], dx, context)
            dy = dx
        }
    }
}
