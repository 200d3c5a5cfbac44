import Checkpoints
import Tensors

/// A learned tensor: its values, and the gradient that a step collects for it.
///
/// Like `Rows` it belongs to the compute thread.
public final class Parameter {
    /// The name that the published layout gives it.
    public let name: String
    /// Extents, outermost first.
    public let shape: [Int]
    /// The values; a vector is one row.
    public let value: Rows
    /// Whether steps change it. Gradients are collected only then.
    public private(set) var learns = false
    /// The gradient so far, of the values' shape; nil unless it learns.
    public private(set) var gradient: Rows?
    /// Whether weight decay applies: matrices yes, biases and norms no.
    public var decays: Bool { shape.count > 1 }

    /// - Parameter value: `[rows, columns]` that hold the shape's elements.
    public init(name: String, shape: [Int], value: Rows) {
        self.name = name
        self.shape = shape
        self.value = value
    }

    /// A copy of a tensor of any floating-point type.
    public convenience init(name: String, tensor: Tensor) throws {
        let wide = try tensor.float32()
        let columns = wide.shape.count > 1 ? wide.shape.dropFirst().reduce(1, *) : wide.shape.first ?? 1
        self.init(name: name, shape: wide.shape, value: try Rows(Tensor(dtype: .float32, shape: [wide.elementCount / max(1, columns), columns], storage: wide.storage, byteOffset: wide.byteOffset)))
    }

    /// Decides whether it learns; a gradient of zeros is kept while it does.
    public func setLearns(_ learns: Bool) {
        self.learns = learns
        gradient = learns ? Rows(count: value.count, width: value.width) : nil
        clearGradient()
    }

    /// Sets the gradient to zero.
    public func clearGradient() {
        gradient?.buffer.update(repeating: 0)
    }
}
