import CKernels

/// Which library multiplies matrices.
public enum GEMMEngine: String, Sendable, CaseIterable {
    /// oneDNN where its rows are independent of each other, else the row kernel.
    case automatic = "auto"
    case oneDNN = "onednn"
    case openBLAS = "openblas"
    /// Our own dot-product kernel: slower, but a row's result never depends on the other rows, on any CPU.
    case rowKernel = "row"
}

/// Multiplies rows with a weight that is stored as PyTorch's `Linear` stores it.
public protocol MatrixMultiplier: AnyObject {
    /// What to tell the user at start: library, kernel and threads.
    var summary: String { get }
    /// Whether a row's bits are the same whatever other rows are in the call.
    var rowsAreIndependent: Bool { get }
    /// `c[m][n] = Σ_k a[m][k] · w[n][k]`.
    ///
    /// - Parameters:
    ///   - a: `[rows, inner]`
    ///   - w: `[columns, inner]`
    ///   - c: `[rows, columns]`, overwritten
    func multiply(
        _ a: UnsafePointer<Float>, _ w: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
        inner: Int) throws
}

/// A matrix library refused to work.
public struct ComputeError: Error, Sendable, CustomStringConvertible {
    public let description: String
}

/// Our own kernel: the sum over `inner` has one order, whatever the number of rows.
public final class RowKernelMultiplier: MatrixMultiplier {
    private let pool: RowPool

    public init(pool: RowPool) { self.pool = pool }

    public var summary: String { "row kernel (\(instructionSet)), \(pool.threadCount) threads" }
    public var rowsAreIndependent: Bool { true }

    public func multiply(
        _ a: UnsafePointer<Float>, _ w: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
        inner: Int
    ) throws {
        // Strips of columns are a multiple of the kernel's block, so that a column is always in the same kind of block.
        let strip = 64
        pool.forEach((columns + strip - 1) / strip) { index in
            ck_matmul(a, w, c, rows, index * strip, min(columns, (index + 1) * strip), columns, inner)
        }
    }
}
