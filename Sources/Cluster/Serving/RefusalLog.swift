import Wire

/// Decides which refusals are worth a line in the log: of each kind the 1st, 2nd, 4th, 8th, …, and one a minute.
///
/// Somebody who knocks without end must not fill the disk.
struct RefusalLog {
    private var counts: [LinkRefusal: Int] = [:]
    private var logged: [LinkRefusal: ContinuousClock.Instant] = [:]

    /// Counts one.
    ///
    /// - Returns: how many of its kind there were, when that is to be said.
    mutating func entry(_ kind: LinkRefusal, now: ContinuousClock.Instant) -> Int? {
        let count = (counts[kind] ?? 0) + 1
        counts[kind] = count
        let last = logged[kind]
        guard count & (count - 1) == 0 || last.map({ $0 + .seconds(60) <= now }) ?? true else { return nil }
        logged[kind] = now
        return count
    }
}
