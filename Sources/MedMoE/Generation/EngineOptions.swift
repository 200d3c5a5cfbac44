import Tensors

/// How an engine computes.
public struct EngineOptions: Sendable {
    public var gemm: GEMMEngine
    /// Threads that compute.
    public var threads: Int
    /// Rows of one step: bounds how long a prefill may hold up everybody's decoding.
    public var rowsPerStep: Int
    /// Requests that run at the same time, each with its own KV cache.
    public var maximumRunning: Int
    /// Requests that may wait for a place; one more is refused as overloaded.
    public var maximumWaiting: Int

    public init(
        gemm: GEMMEngine = .automatic, threads: Int, rowsPerStep: Int = 256, maximumRunning: Int = 16, maximumWaiting: Int = 256
    ) {
        self.gemm = gemm
        self.threads = threads
        self.rowsPerStep = max(1, rowsPerStep)
        self.maximumRunning = max(1, maximumRunning)
        self.maximumWaiting = max(0, maximumWaiting)
    }
}
