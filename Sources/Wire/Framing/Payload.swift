import Tensors

/// Rows that belong to a message: a tensor of ours, or a received frame that nobody has read yet.
///
/// The envelope is judged first, by the decoder and then by a state machine; only then somebody asks for the rows, so
/// stale and hostile messages cost no copy.
public struct Payload {
    private enum Source {
        case tensor(Tensor)
        case frame(Frame)
    }

    /// Extents `[rows, width]`, float32.
    public let rows: Int
    public let width: Int
    private let source: Source

    /// Rows to send, `[rows, width]`, float32.
    ///
    /// - Throws: `TensorError.mismatch` when `tensor` is not a float32 matrix.
    public init(_ tensor: Tensor) throws(TensorError) {
        guard tensor.dtype == .float32, tensor.shape.count == 2 else {
            throw .mismatch("a payload must be a float32 matrix, not \(tensor.dtype.rawValue) \(tensor.shape)")
        }
        rows = tensor.shape[0]
        width = tensor.shape[1]
        source = .tensor(tensor)
    }

    /// Rows that arrived. The frame's length was checked against the shape.
    init(frame: Frame, rows: Int, width: Int) {
        self.rows = rows
        self.width = width
        source = .frame(frame)
    }

    /// The rows as a tensor `[rows, width]`.
    ///
    /// Received bytes are copied once, to a cache-line boundary: libzmq gives them at any address, and kernels shall see
    /// the same alignment as in process.
    public func tensor() throws -> Tensor {
        switch source {
        case .tensor(let tensor): return tensor
        case .frame(let frame):
            let storage = Storage.filled(byteCount: frame.count) { target in
                frame.withUnsafeBytes { target.copyMemory(from: $0) }
            }
            return try Tensor(dtype: .float32, shape: [rows, width], storage: storage)
        }
    }

    /// The rows as a frame to send.
    func frame() throws(WireError) -> Frame {
        switch source {
        case .tensor(let tensor): try Frame(showing: tensor)
        case .frame(let frame): frame
        }
    }
}

extension Tensor {
    /// Whether every element of a float32 tensor is a finite number.
    public var isFinite: Bool {
        withUnsafeBytes { bytes in
            // All exponent bits set means infinity or not a number. Read as integers of any alignment, without a branch
            // per element, so that the compiler makes SIMD code of it.
            var found: UInt32 = 0
            for offset in stride(from: 0, to: bytes.count & ~3, by: 4) {
                let bits = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self) & 0x7F80_0000
                found |= bits == 0x7F80_0000 ? 1 : 0
            }
            return found == 0
        }
    }
}
