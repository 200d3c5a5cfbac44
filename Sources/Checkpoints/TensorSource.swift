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
    /// The file that holds a tensor, or would hold it, for messages.
    func file(of name: String) -> String
    /// Gives `body` the bytes of a tensor in row-major order, block by block. Sources that lie in files read them without the
    /// mapping, so that the resident memory does not grow with the tensor.
    ///
    /// - Throws: a `CheckpointError` that names the file and the tensor, and whatever `body` throws.
    func withBlocks(of name: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws
}

extension TensorSource {
    public func file(of name: String) -> String { "memory" }

    public func withBlocks(of name: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try tensor(name).withUnsafeBytes(body)
    }

    /// A tensor that must have the given shape, and one of the given number types.
    ///
    /// - Parameter dtypes: what is accepted; nil accepts every floating-point type.
    /// - Throws: `CheckpointError.missingTensor` or `.mismatch`, which name the file, the tensor and both shapes.
    public func tensor(_ name: String, shape: [Int], dtypes: Set<DType>? = nil) throws -> Tensor {
        guard let found = descriptor(name) else {
            throw CheckpointError.missingTensor(file: file(of: name), tensor: name)
        }
        let typeFits = dtypes?.contains(found.dtype) ?? found.dtype.isFloatingPoint
        guard found.shape == shape, typeFits else {
            let types = dtypes.map { $0.map(\.rawValue).sorted().joined(separator: " or ") } ?? "a floating-point type"
            throw CheckpointError.mismatch(
                file: file(of: name), tensor: name, expected: "\(shape) of \(types)",
                found: "\(found.shape) of \(found.dtype.rawValue)")
        }
        return try tensor(name)
    }
}
