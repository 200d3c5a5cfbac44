import Tensors

/// How an engine computes.
public struct EngineOptions: Sendable {
    public var gemm: GEMMEngine
    /// Threads that compute.
    public var threads: Int
    /// Rows of one step: bounds how long a prefill may hold up everybody's decoding.
    public var rowsPerStep: Int
    /// Requests that run at the same time, each with its own KV cache; up to as many more while some are stalled, so that
    /// waiting for a lost expert does not keep others out.
    public var maximumRunning: Int
    /// Requests that may wait for a place; one more is refused as overloaded.
    public var maximumWaiting: Int
    /// Batches that take turns: while one waits for experts, another computes. More than one only helps with remote experts.
    public var lanes: Int
    /// For measuring: answers always go on to their greatest length.
    public var ignoresEndToken = false

    public init(
        gemm: GEMMEngine = .automatic, threads: Int, rowsPerStep: Int = 256, maximumRunning: Int = 16, maximumWaiting: Int = 256,
        lanes: Int = 1
    ) {
        self.gemm = gemm
        self.threads = threads
        self.rowsPerStep = max(1, rowsPerStep)
        self.maximumRunning = max(1, maximumRunning)
        self.maximumWaiting = max(0, maximumWaiting)
        self.lanes = max(1, lanes)
    }
}
