/// An immutable, contiguous, row-major tensor: a view of some bytes with a number type and a shape.
///
/// Copying a `Tensor` copies no data.
public struct Tensor: Sendable {
    public let dtype: DType
    /// Extents, outermost first. Empty for a scalar.
    public let shape: [Int]
    /// The bytes that the tensor looks at.
    public let storage: Storage
    /// Where its first element lies in `storage`, in bytes.
    public let byteOffset: Int

    /// A view of `storage` from `byteOffset`.
    ///
    /// - Throws: `TensorError.extent` when the shape is negative, its size overflows, or it does not fit the storage.
    public init(dtype: DType, shape: [Int], storage: Storage, byteOffset: Int = 0) throws {
        let size = try Tensor.byteCount(dtype: dtype, shape: shape)
        guard byteOffset >= 0, byteOffset <= storage.count, size <= storage.count - byteOffset else {
            throw TensorError.extent("a \(dtype.rawValue) tensor of shape \(shape) at byte \(byteOffset) does not fit a storage of \(storage.count) bytes")
        }
        self.dtype = dtype
        self.shape = shape
        self.storage = storage
        self.byteOffset = byteOffset
    }

    /// Number of elements.
    public var elementCount: Int { shape.reduce(1, *) }

    /// Number of bytes of the elements.
    public var byteCount: Int { elementCount * dtype.byteCount }

    /// The bytes of the elements, valid while `body` runs.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(storage) {
            try body(UnsafeRawBufferPointer(rebasing: storage.bytes[byteOffset..<byteOffset + byteCount]))
        }
    }

    /// Says that nobody will read this tensor soon: where its bytes lie in a mapped file, they leave the memory.
    public func evict() { storage.evict(byteOffset..<byteOffset + byteCount) }

    /// Bytes that a tensor of this type and shape takes.
    ///
    /// - Throws: `TensorError.extent` when an extent is negative or the size overflows.
    public static func byteCount(dtype: DType, shape: [Int]) throws -> Int {
        var size = dtype.byteCount
        for extent in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { throw TensorError.extent("shape \(shape) is negative or overflows") }
            size = product
        }
        return size
    }
}

/// What can go wrong with tensors that come from outside.
public enum TensorError: Error, Sendable, CustomStringConvertible {
    /// A shape, offset or size is impossible; the text names it and the limit.
    case extent(String)
    /// A tensor has another number type or shape than the caller needs.
    case mismatch(String)

    public var description: String {
        switch self {
        case .extent(let text), .mismatch(let text): text
        }
    }
}
