/// Decides when a tile that takes long is given to a second worker as well.
///
/// The delay is a percentile of what lately happened: of the ratio between the time that tiles took and the time that was
/// expected of them when they were sent. A budget bounds the extra work; tiles of a worker that has fallen silent do not need it.
public struct HedgePolicy: Sendable {
    public struct Configuration: Sendable {
        /// Percentile of the ratio.
        public var percentile = 95.0
        /// Nothing is hedged earlier than this after it was sent.
        public var floor: Duration = .milliseconds(20)
        /// The ratio that counts lies between these.
        public var leastRatio = 2.0
        public var mostRatio = 10.0
        /// Extra tiles per tile sent, in the long run.
        public var share = 0.1
        /// Extra tiles at once.
        public var burst = 32.0

        public init() {}
    }

    let configuration: Configuration
    private var ratios = RecentValues(digits: .one, highest: 100_000)
    private var tokens: Double

    init(_ configuration: Configuration) {
        self.configuration = configuration
        tokens = configuration.burst
    }

    /// A tile came back after `actual` seconds; when it was sent, `expected` were expected.
    mutating func record(actual: Double, expected: Double, now: Moment) {
        guard expected > 0 else { return }
        ratios.record(UInt64(min(1000, max(0.01, actual / expected)) * 100), now: now)
    }

    /// When a tile that was sent now is late.
    func delay(expected: Double, now: Moment) -> Duration {
        let seen = ratios.percentile(configuration.percentile, now: now).map { Double($0) / 100 } ?? configuration.mostRatio
        let ratio = min(configuration.mostRatio, max(configuration.leastRatio, seen))
        return max(configuration.floor, .seconds(expected * ratio))
    }

    /// A tile was sent: a part of another one is earned.
    mutating func earn() { tokens = min(configuration.burst, tokens + configuration.share) }

    /// Takes one extra tile out of the budget.
    mutating func spend() -> Bool {
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
