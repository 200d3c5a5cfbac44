import CKernels

/// The instruction set that the row-wise kernels use on this CPU.
public var instructionSet: String { String(cString: ck_instruction_set()) }

/// Everything that computing needs and that belongs to one compute thread: the matrix library and the row pool.
///
/// Make it on the thread that uses it: OpenMP keeps a pool per calling thread.
public final class ComputeContext {
    public let gemm: any MatrixMultiplier
    public let pool: RowPool

    /// - Parameters:
    ///   - engine: the matrix library.
    ///   - threads: threads that compute, in the library's pool and in ours; they never run at the same time.
    /// - Throws: `ComputeError` when the library does not start.
    public init(engine: GEMMEngine = .automatic, threads: Int) throws {
        pool = RowPool(threadCount: threads)
        switch engine {
        case .oneDNN: gemm = try OneDNNMultiplier(threads: threads)
        case .openBLAS: gemm = OpenBLASMultiplier(threads: threads)
        case .rowKernel: gemm = RowKernelMultiplier(pool: pool)
        case .automatic:
            let library = try OneDNNMultiplier(threads: threads)
            gemm = library.rowsAreIndependent ? library : RowKernelMultiplier(pool: pool)
        }
    }

    deinit { pool.stop() }

    /// `x · Wᵀ`.
    ///
    /// - Parameters:
    ///   - x: `[rows, inner]`
    ///   - weight: float32, `[columns, inner]`
    /// - Returns: `[rows, columns]`
    public func multiply(_ x: Rows, _ weight: Tensor) throws -> Rows {
        guard weight.dtype == .float32, weight.shape.count == 2, weight.shape[1] == x.width else {
            throw TensorError.mismatch("rows of width \(x.width) do not fit a weight \(weight.dtype.rawValue) \(weight.shape)")
        }
        let result = Rows(count: x.count, width: weight.shape[0])
        try weight.withUnsafeBytes { bytes in
            guard let w = bytes.bindMemory(to: Float.self).baseAddress else { return }
            try gemm.multiply(x.pointer, w, into: result.pointer, rows: x.count, columns: result.width, inner: x.width)
        }
        return result
    }
}
