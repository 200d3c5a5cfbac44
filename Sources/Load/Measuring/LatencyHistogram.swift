import Foundation
import Histogram

/// Durations, to three digits, from a microsecond to a day.
public struct LatencyHistogram: Sendable {
    private var histogram = Histogram<UInt64>(lowestDiscernibleValue: 1, highestTrackableValue: 86_400_000_000, numberOfSignificantValueDigits: .three)
    private var sum = 0.0

    public init() {}

    public var count: Int { Int(histogram.totalCount) }

    /// - Parameter milliseconds: below 0 counts as 0, above a day as a day.
    public mutating func record(milliseconds: Double) {
        let microseconds = min(86_400_000_000, max(0, (milliseconds * 1000).rounded()))
        guard microseconds.isFinite else { return }
        histogram.record(UInt64(microseconds))
        sum += microseconds / 1000
    }

    /// Milliseconds that `percentile` percent of the values do not exceed; 0 of none.
    public func percentile(_ percentile: Double) -> Double {
        count == 0 ? 0 : Double(min(histogram.valueAtPercentile(percentile), histogram.max)) / 1000
    }

    /// With what askers would have waited who could not ask because an earlier answer was late: for every value above the
    /// interval, also those less one interval, two intervals and so on.
    ///
    /// - Parameter interval: milliseconds in which an asker expects its answer.
    func corrected(interval: Double) -> LatencyHistogram {
        var result = LatencyHistogram()
        let expected = UInt64(max(1, interval * 1000))
        for entry in histogram.recordedValues() {
            result.histogram.recordCorrectedValue(entry.value, count: UInt64(entry.count), expectedInterval: expected)
        }
        result.sum = result.histogram.mean * Double(result.count) / 1000
        return result
    }

    public var latency: Latency {
        Latency(
            count: count, mean: count == 0 ? 0 : sum / Double(count), p50: percentile(50), p90: percentile(90), p99: percentile(99),
            most: count == 0 ? 0 : Double(histogram.max) / 1000, curve: curve)
    }

    /// Close together where few values are: towards 100.
    private var curve: [Latency.Place] {
        guard count > 0 else { return [] }
        let last = log10(Double(max(2, count)))
        return stride(from: 0.0, through: last, by: 0.1).map { step in
            let place = 100 * (1 - pow(10, -step))
            return Latency.Place(percentile: (place * 10_000).rounded() / 10_000, ms: percentile(place))
        }
    }
}

/// A distribution of durations; milliseconds.
public struct Latency: Sendable, Hashable, Codable {
    /// What `percentile` percent do not exceed.
    public struct Place: Sendable, Hashable, Codable {
        public var percentile: Double
        public var ms: Double
    }

    public var count: Int
    public var mean: Double
    public var p50: Double
    public var p90: Double
    public var p99: Double
    public var most: Double
    /// From the 0th percentile to where one value is left.
    public var curve: [Place]
}
