import Tensors

/// Number type and shape of a stored tensor, known without touching its data.
public struct TensorDescriptor: Sendable, Hashable {
    public let dtype: DType
    public let shape: [Int]

    public init(dtype: DType, shape: [Int]) {
        self.dtype = dtype
        self.shape = shape
    }
}

/// Named tensors in any container: one safetensors file, several with an index, torch archives, or memory.
public protocol TensorSource: Sendable {
    /// All names, sorted.
    var names: [String] { get }
    /// Type and shape of a tensor, or nil when there is none of that name.
    func descriptor(_ name: String) -> TensorDescriptor?
    /// The tensor itself. Mapped files are not read before an element is touched.
    ///
    /// - Throws: a `CheckpointError` that names the file and the tensor.
    func tensor(_ name: String) throws -> Tensor
}
