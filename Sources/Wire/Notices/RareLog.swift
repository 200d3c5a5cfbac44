/// Decides which of many alike complaints are worth a line in the log: of each kind the 1st, 2nd, 4th, 8th, … and one a
/// minute.
///
/// Somebody who knocks or sends garbage without end must not fill the disk.
public struct RareLog<Kind: Hashable & Sendable>: Sendable {
    private var counts: [Kind: Int] = [:]
    private var logged: [Kind: ContinuousClock.Instant] = [:]

    public init() {}

    /// Counts one.
    ///
    /// - Returns: how many of its kind there were, when that is to be said.
    public mutating func entry(_ kind: Kind, now: ContinuousClock.Instant = .now) -> Int? {
        let count = (counts[kind] ?? 0) + 1
        counts[kind] = count
        let isOld = logged[kind].map { $0 + .seconds(60) <= now } ?? true
        guard count & (count - 1) == 0 || isOld else { return nil }
        logged[kind] = now
        return count
    }
}
