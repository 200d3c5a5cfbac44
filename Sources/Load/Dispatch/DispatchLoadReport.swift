/// What a load of the expert stage alone measured: tiles of so many rows.
public struct DispatchRun: Sendable, Hashable, Codable {
    /// Of a tile.
    public var rows: Int
    /// Seconds that were measured.
    public var seconds: Double
    public var endedEarly: Bool
    public var tiles: Int
    public var failed: Int
    public var failures: [LoadReport.Failure]
    public var tilesPerSecond: Double
    public var rowsPerSecond: Double
    /// 10⁹ bytes of rows per second, there and back alike.
    public var gigabytesPerSecondThere: Double
    public var gigabytesPerSecondBack: Double
    /// From when a tile was due to when its rows were there; milliseconds.
    public var tickets: Latency
    /// What workers say they computed per tile; milliseconds.
    public var compute: Latency
    /// Of the tickets' time, the part in which workers computed.
    public var computeShare: Double
    public var experts: [LoadReport.Share]
    public var workers: [LoadReport.Share]
    public var generator: LoadReport.Generator
    public var counters: [String: Int] = [:]
}

/// Runs of the expert stage with tiles of different sizes.
public struct DispatchLoadReport: Sendable, Hashable, Codable {
    public var kind = "dispatch"
    /// Tickets per second of an open loop.
    public var rate: Double?
    /// Tickets under way in a closed loop.
    public var concurrency: Int?
    /// Hidden size.
    public var width: Int
    public var workers: Int
    public var seed: UInt64
    public var hotExpert: Int?
    public var hotShare: Double?
    public var runs: [DispatchRun]

    public init(
        pattern: LoadPattern, width: Int, workers: Int, seed: UInt64, hot: (expert: Int, share: Double)? = nil, runs: [DispatchRun]
    ) {
        switch pattern {
        case .open(let rate): self.rate = rate
        case .closed(let concurrency): self.concurrency = concurrency
        }
        self.width = width
        self.workers = workers
        self.seed = seed
        hotExpert = hot?.expert
        hotShare = hot?.share
        self.runs = runs
    }
}
