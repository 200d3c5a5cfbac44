/// What the dispatch measures for people: rates and times, by expert.
struct DispatchMeter: Sendable {
    struct Expert: Sendable {
        var rowsDone: UInt64 = 0
        var rate = RateMeter()
        /// Microseconds.
        var roundTrip = RecentValues(highest: 600_000_000)
        var compute = RecentValues(highest: 600_000_000)
    }

    /// By index, over all mixture layers.
    private(set) var experts: [Int: Expert] = [:]
    /// Microseconds that tickets waited.
    private(set) var waits = RecentValues(highest: 600_000_000)
    private(set) var longestWait: Duration = .zero
    /// Tickets that waited for longer than a second.
    private(set) var stalls: UInt64 = 0

    mutating func answered(expert: Int, rows: Int, roundTrip: Duration, computeNanoseconds: UInt64, now: Moment) {
        experts[expert, default: Expert()].rowsDone += UInt64(rows)
        experts[expert, default: Expert()].rate.add(rows, now: now)
        experts[expert, default: Expert()].roundTrip.record(roundTrip.wholeMicroseconds, now: now)
        experts[expert, default: Expert()].compute.record(computeNanoseconds / 1000, now: now)
    }

    mutating func waited(_ duration: Duration, now: Moment) {
        waits.record(duration.wholeMicroseconds, now: now)
        longestWait = max(longestWait, duration)
        if duration > .seconds(1) { stalls += 1 }
    }
}

/// Counts per second over the last ten seconds.
struct RateMeter: Sendable {
    private static let seconds = 10

    private var counts = Array(repeating: 0, count: RateMeter.seconds)
    /// The second that the last bucket in use belongs to, since `began`.
    private var last = 0
    private var began: Moment?

    mutating func add(_ count: Int, now: Moment) {
        if began == nil { began = now }
        advance(to: now)
        counts[last % Self.seconds] += count
    }

    /// Per second; of a younger meter over its age, but at least one second.
    func rate(now: Moment) -> Double {
        guard let began else { return 0 }
        var copy = self
        copy.advance(to: now)
        let age = min(Double(Self.seconds), max(1, began.duration(to: now).inSeconds))
        return Double(copy.counts.reduce(0, +)) / age
    }

    private mutating func advance(to now: Moment) {
        guard let began else { return }
        let second = max(last, Int(began.duration(to: now).inSeconds))
        for passed in last + 1..<max(last + 1, min(second, last + Self.seconds) + 1) { counts[passed % Self.seconds] = 0 }
        if second > last + Self.seconds { counts = Array(repeating: 0, count: Self.seconds) }
        last = second
    }
}

extension Duration {
    /// 0 for a negative one.
    var wholeMicroseconds: UInt64 { UInt64(clamping: Int64(max(.zero, min(self, .seconds(1_000_000))) / .microseconds(1))) }

    /// As a number of milliseconds.
    var inMilliseconds: Double { inSeconds * 1000 }
}
