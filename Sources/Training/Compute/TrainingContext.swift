import CKernels
import COpenBLAS
import Tensors

/// What computing a training step needs: the threads, and products of matrices by OpenBLAS in float32.
///
/// Every product is cut into pieces by its extents alone and every piece is one single-threaded call, so results do not
/// depend on the number of threads. Make it on the thread that uses it.
public final class TrainingContext {
    public let pool: RowPool
    /// Multiplications and additions of the linear layers' products so far: two for each element of the operands' common extent.
    private(set) var operations = 0.0

    /// - Parameter threads: threads that compute, the caller's included.
    public init(threads: Int) {
        // Threads are ours: OpenBLAS's own pool would spin beside it between the calls.
        openblas_set_num_threads(1)
        // Activations of some megabytes are made and freed many times a step: kept by the allocator, their pages need not be
        // cleared anew each time.
        ck_keep_freed_memory()
        pool = RowPool(threadCount: threads)
    }

    deinit { pool.stop() }

    /// Counts a product of matrices of these extents.
    func count(_ rows: Int, _ columns: Int, _ inner: Int) { operations += 2 * Double(rows) * Double(columns) * Double(inner) }

    /// Counts what others computed for this one.
    func count(_ others: [TrainingContext]) { operations += others.reduce(0) { $0 + $1.operations } }

    /// What to tell the user at start: library, kernel and threads.
    public var summary: String {
        let core = openblas_get_corename().map { String(cString: $0) } ?? "unknown"
        return "OpenBLAS (\(core)), \(pool.threadCount) thread\(pool.threadCount == 1 ? "" : "s")"
    }

    /// Shares the rows of a matrix among the threads in blocks worth a thread's while. Blocks depend on the extents alone.
    func forEachBlock(rows: Int, width: Int, _ body: (_ rows: Range<Int>) -> Void) {
        let block = max(1, 32_768 / max(1, width))
        pool.forEach((rows + block - 1) / block) { index in
            body(index * block..<min(rows, (index + 1) * block))
        }
    }

    /// Shares `count` numbers among the threads.
    func forEachStretch(of count: Int, _ body: (_ range: Range<Int>) -> Void) {
        forEachBlock(rows: count, width: 1, body)
    }
}
