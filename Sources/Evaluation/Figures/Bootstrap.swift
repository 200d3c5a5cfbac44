import Language

/// Percentile bootstrap over questions (Efron 1979): the same seed gives the same interval on every machine.
public struct Bootstrap: Sendable, Hashable {
    /// Samples that are drawn.
    public var resamples: Int
    public var seed: UInt64

    /// Least number of samples with which the 2.5th percentile means something.
    public static let fewestResamples = 1000

    /// - Parameter resamples: at least `fewestResamples`; smaller numbers count as that.
    public init(resamples: Int = 2000, seed: UInt64 = 0) {
        self.resamples = max(Self.fewestResamples, resamples)
        self.seed = seed
    }

    /// The mean of scores from 0 to 1, in percent; nil of nothing.
    public func mean(_ scores: [Double]) -> Estimate? {
        guard !scores.isEmpty else { return nil }
        return estimate(count: scores.count) { chosen in
            chosen.reduce(0) { $0 + scores[$1] } / Double(chosen.count)
        }
    }

    /// A statistic of `count` cases.
    ///
    /// - Parameter statistic: computed on the cases at the given places, of which some occur several times; from 0 to 1, or nil where it is
    ///   not defined. Such samples are left out of the interval.
    /// - Returns: value and limits in percent; nil when the statistic of all cases is not defined.
    public func estimate(count: Int, _ statistic: ([Int]) -> Double?) -> Estimate? {
        guard count > 0, let value = statistic(Array(0..<count)) else { return nil }
        var generator = SplitMix64(seed: seed)
        var chosen = [Int](repeating: 0, count: count)
        var found: [Double] = []
        found.reserveCapacity(resamples)
        for _ in 0..<resamples {
            for index in chosen.indices { chosen[index] = Int(generator.nextUnit() * Double(count)) }
            if let one = statistic(chosen) { found.append(one) }
        }
        found.sort()
        let low = Self.percentile(found, 0.025) ?? value
        let high = Self.percentile(found, 0.975) ?? value
        return Estimate(value: 100 * value, low: 100 * low, high: 100 * high, n: count)
    }

    /// Between the two nearest order statistics in proportion; nil of nothing.
    static func percentile(_ sorted: [Double], _ share: Double) -> Double? {
        guard let last = sorted.last else { return nil }
        let place = share * Double(sorted.count - 1)
        let lower = Int(place)
        guard lower + 1 < sorted.count else { return last }
        return sorted[lower] + (place - Double(lower)) * (sorted[lower + 1] - sorted[lower])
    }
}
