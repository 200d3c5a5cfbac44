/// When requests are made.
public enum LoadPattern: Sendable, Hashable {
    /// Open loop: independent askers, `rate` per second altogether, whatever became of earlier requests.
    case open(rate: Double)
    /// Closed loop: so many askers, each of whom asks again when it has its answer.
    case closed(concurrency: Int)
}

/// How long a load goes on: a warm-up that does not count, then so many seconds, so many requests, or what ends first.
public struct LoadExtent: Sendable, Hashable {
    /// Seconds at the start that do not count.
    public var warmUp: Double
    /// Seconds that count; nil for no limit.
    public var duration: Double?
    /// Requests that count; nil for no limit.
    public var requests: Int?

    public init(warmUp: Double = 0, duration: Double? = nil, requests: Int? = nil) {
        self.warmUp = warmUp
        self.duration = duration
        self.requests = requests
    }

    /// Seconds after which nothing new is asked.
    var end: Double { duration.map { warmUp + $0 } ?? .infinity }

    /// Seconds that were measured: so many as were wished, or until the last of so many requests ended, or until the load was
    /// stopped.
    ///
    /// - Parameters:
    ///   - stopped: when it was stopped; nil when it was not.
    ///   - lastEnd: when the last request ended; nil unless all were made.
    func measured(stoppedAt stopped: Double?, lastEnd: Double?) -> Double {
        let finish = min(end, stopped ?? lastEnd ?? end)
        return finish.isFinite ? max(0, finish - warmUp) : 0
    }
}

/// Everything about a load but what is asked.
public struct LoadPlan: Sendable, Hashable {
    public var pattern: LoadPattern
    public var extent: LoadExtent
    /// Of arrivals; the mix has its own.
    public var seed: UInt64
    /// What a good answer keeps to.
    public var limits: GoodputLimits
    /// Requests that may be under way at the same time; an open loop makes no more, and says so.
    public var mostUnderWay: Int

    public init(
        pattern: LoadPattern, extent: LoadExtent, seed: UInt64 = 0, limits: GoodputLimits = GoodputLimits(), mostUnderWay: Int = 4096
    ) {
        self.pattern = pattern
        self.extent = extent
        self.seed = seed
        self.limits = limits
        self.mostUnderWay = mostUnderWay
    }
}

/// What an answer must keep to in order to be a good one; milliseconds, nil for no limit.
public struct GoodputLimits: Sendable, Hashable, Codable {
    /// Most time to the first token.
    public var ttft: Double?
    /// Most mean time per token after the first.
    public var tpot: Double?
    /// Most time from end to end.
    public var e2e: Double?

    public init(ttft: Double? = nil, tpot: Double? = nil, e2e: Double? = nil) {
        self.ttft = ttft
        self.tpot = tpot
        self.e2e = e2e
    }

    /// Whether there is any limit.
    public var isGiven: Bool { ttft != nil || tpot != nil || e2e != nil }
}
