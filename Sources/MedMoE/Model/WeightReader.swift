import Checkpoints
import Tensors

/// Takes the tensors of a model out of a checkpoint, checked against the shapes that the configuration asks for.
struct WeightReader {
    let source: any TensorSource
    /// Put into the message when a tensor is missing.
    var hint = ""

    /// Whether the checkpoint has a tensor of this name.
    func has(_ name: String) -> Bool { source.descriptor(name) != nil }

    /// A tensor as it is stored, whatever floating-point type it has.
    func stored(_ name: String, shape: [Int]) throws -> Tensor {
        guard let descriptor = source.descriptor(name) else { throw ModelError.missingTensor(name, hint: hint) }
        guard descriptor.shape == shape else {
            throw ModelError.wrongShape(tensor: name, found: descriptor.shape, expected: shape)
        }
        guard descriptor.dtype.isFloatingPoint else { throw ModelError.wrongType(tensor: name, found: descriptor.dtype.rawValue) }
        return try source.tensor(name)
    }

    /// A tensor in float32: mapped as it lies when it is stored so, widened otherwise.
    func float32(_ name: String, shape: [Int]) throws -> Tensor { try stored(name, shape: shape).float32() }

    /// `PREFIX.weight` and, when `bias` is set, `PREFIX.bias`.
    func linear(_ prefix: String, from inner: Int, to outer: Int, bias: Bool) throws -> Linear {
        Linear(
            weight: try float32("\(prefix).weight", shape: [outer, inner]),
            bias: bias ? try float32("\(prefix).bias", shape: [outer]) : nil)
    }

    /// `PREFIX.weight` and `PREFIX.bias`.
    func layerNorm(_ prefix: String, width: Int, epsilon: Double) throws -> LayerNorm {
        LayerNorm(
            weight: try float32("\(prefix).weight", shape: [width]), bias: try float32("\(prefix).bias", shape: [width]),
            epsilon: Float(epsilon))
    }
}
