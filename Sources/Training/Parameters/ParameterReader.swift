import Checkpoints
import Tensors

/// Makes parameters of a checkpoint's tensors, checked against the shapes that the configuration asks for.
///
/// A tensor is one parameter however often it is asked for, so tied weights collect one gradient.
final class ParameterReader {
    private let source: any TensorSource
    private var made: [String: Parameter] = [:]

    /// In the order in which they were asked for first.
    private(set) var parameters: [Parameter] = []

    init(_ source: any TensorSource) { self.source = source }

    /// Whether the checkpoint has a tensor of this name.
    func has(_ name: String) -> Bool { source.descriptor(name) != nil }

    /// Whether the checkpoint has any tensor below a prefix.
    func hasAny(below prefix: String) -> Bool { source.names.contains { $0.hasPrefix(prefix + ".") } }

    /// - Throws: `CheckpointError` that names file, tensor and both shapes.
    func parameter(_ name: String, shape: [Int]) throws -> Parameter {
        if let known = made[name] { return known }
        let parameter = try Parameter(name: name, tensor: source.tensor(name, shape: shape))
        made[name] = parameter
        parameters.append(parameter)
        return parameter
    }

    /// `PREFIX.weight` and, when `bias` is set, `PREFIX.bias`.
    func linear(_ prefix: String, from inner: Int, to outer: Int, bias: Bool) throws -> LinearLayer {
        LinearLayer(
            weight: try parameter("\(prefix).weight", shape: [outer, inner]),
            bias: bias ? try parameter("\(prefix).bias", shape: [outer]) : nil)
    }

    /// `PREFIX.weight` and `PREFIX.bias`.
    func norm(_ prefix: String, width: Int, epsilon: Double) throws -> NormLayer {
        NormLayer(
            weight: try parameter("\(prefix).weight", shape: [width]), bias: try parameter("\(prefix).bias", shape: [width]),
            epsilon: Float(epsilon))
    }

    /// The backbone's kind of feed-forward network below a prefix.
    func network(_ prefix: String, _ configuration: ModelConfiguration) throws -> FeedForwardLayer {
        try FeedForwardShape(configuration).network { try parameter("\(prefix).\($0)", shape: $1) }
    }
}
