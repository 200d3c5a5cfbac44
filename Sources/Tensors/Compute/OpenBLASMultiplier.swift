import COpenBLAS

/// OpenBLAS's `cblas_sgemm`. Its rows depend on how many there are, so it is not the default for serving.
public final class OpenBLASMultiplier: MatrixMultiplier {
    private let threads: Int

    public init(threads: Int) {
        self.threads = threads
        openblas_set_num_threads(Int32(threads))
    }

    public var summary: String {
        "OpenBLAS (\(openblas_get_corename().map { String(cString: $0) } ?? "unknown")), \(threads) thread\(threads == 1 ? "" : "s")"
    }

    public var rowsAreIndependent: Bool { false }

    public func multiply(
        _ a: UnsafePointer<Float>, _ w: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
        inner: Int
    ) throws {
        guard rows > 0, columns > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(columns), blasint(inner), 1, a, blasint(inner), w,
            blasint(inner), 0, c, blasint(columns))
    }
}
