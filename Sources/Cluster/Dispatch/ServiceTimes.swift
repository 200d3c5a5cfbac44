/// How long one worker takes for tiles of each size, as seen from here: computing, network, and its other coordinators.
///
/// A moving average per size class (1, 2, 3–4, 5–8 … 129–256 rows): a tile of one row costs nearly as much as one of eight,
/// because both read all of the expert's weights.
struct ServiceTimes: Sendable {
    private struct Estimate {
        var seconds: Double
        var samples: Int
        var updated: Moment
    }

    /// An estimate that nothing confirmed for so long is forgotten: a worker that was slow gets another chance.
    static let memory: Duration = .seconds(5)
    /// Fewer samples say nothing: the first tiles for an expert wait for its weights to come from the disk.
    static let fewest = 4
    /// Share of a new sample in the average.
    private static let weight = 0.1
    /// One sample moves an estimate at most as one of this many times its value: one hiccup is not a habit.
    private static let mostSurprise = 4.0

    private var classes: [Estimate?] = Array(repeating: nil, count: 9)

    static func sizeClass(_ rows: Int) -> Int { rows <= 1 ? 0 : min(8, Int.bitWidth - (rows - 1).leadingZeroBitCount) }

    mutating func record(rows: Int, seconds: Double, now: Moment) {
        let place = Self.sizeClass(rows)
        if let old = classes[place], old.updated + Self.memory > now {
            let sample = min(seconds, old.seconds * Self.mostSurprise)
            // Of the first few the shortest counts: a cold start is not a habit either.
            let next = old.samples < Self.fewest ? min(old.seconds, seconds) : old.seconds + Self.weight * (sample - old.seconds)
            classes[place] = Estimate(seconds: next, samples: old.samples + 1, updated: now)
        } else {
            classes[place] = Estimate(seconds: seconds, samples: 1, updated: now)
        }
    }

    /// The estimate for a tile, from its own size class or the nearest one that is known; nil when nothing is.
    func seconds(rows: Int, now: Moment) -> Double? {
        let place = Self.sizeClass(rows)
        for distance in 0..<classes.count {
            // The larger class first: what it took is an upper bound.
            if let estimate = known(place + distance, now: now) { return estimate }
            if let estimate = known(place - distance, now: now) { return estimate * Double(1 << distance) }
        }
        return nil
    }

    /// The estimate of one size class.
    func known(_ place: Int, now: Moment) -> Double? {
        guard classes.indices.contains(place), let estimate = classes[place], estimate.samples >= Self.fewest,
            estimate.updated + Self.memory > now
        else { return nil }
        return estimate.seconds
    }

    /// Before anything is known: some overhead, and a little per row.
    static func guess(rows: Int) -> Double { 0.001 + 0.000_05 * Double(rows) }
}

extension Duration {
    /// As a number of seconds.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
