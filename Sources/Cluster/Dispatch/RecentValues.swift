import Histogram

/// Values of the last minute or so: a histogram that is renewed by halves.
struct RecentValues: Sendable {
    /// A half lasts so long.
    static let half: Duration = .seconds(30)

    private var current: Histogram<UInt32>
    private var previous: Histogram<UInt32>
    private var began: Moment?

    /// - Parameter highest: larger values count as this one.
    init(digits: SignificantDigits = .two, highest: UInt64) {
        current = Histogram(highestTrackableValue: highest, numberOfSignificantValueDigits: digits)
        previous = current
    }

    mutating func record(_ value: UInt64, now: Moment) {
        if let began, began + Self.half <= now {
            // After a long pause both halves are old.
            if began + Self.half * 2 <= now { current.reset() }
            swap(&current, &previous)
            current.reset()
            self.began = now
        }
        if began == nil { began = now }
        current.record(min(value, current.highestTrackableValue))
    }

    /// nil while there are too few values to speak of.
    func percentile(_ percentile: Double, now: Moment) -> UInt64? {
        guard let began, began + Self.half * 2 > now else { return nil }
        if current.totalCount >= 20 { return current.valueAtPercentile(percentile) }
        var both = previous
        both.add(current)
        return both.totalCount >= 20 ? both.valueAtPercentile(percentile) : nil
    }

    /// Median and 99th percentile over both halves, 0 when there are no values.
    func summary(now: Moment) -> (p50: UInt64, p99: UInt64) {
        guard let began, began + Self.half * 2 > now else { return (0, 0) }
        var both = previous
        both.add(current)
        guard both.totalCount > 0 else { return (0, 0) }
        return (both.valueAtPercentile(50), both.valueAtPercentile(99))
    }
}
