/// Decides which of many alike complaints are worth a line in the log: of each kind the 1st, 2nd, 4th, 8th, … and one a
/// minute.
///
/// Somebody who knocks or sends garbage without end must not fill the disk.
struct RareLog<Kind: Hashable> {
    private var counts: [Kind: Int] = [:]
    private var logged: [Kind: Moment] = [:]

    /// Counts one.
    ///
    /// - Returns: how many of its kind there were, when that is to be said.
    mutating func entry(_ kind: Kind, now: Moment = .now) -> Int? {
        let count = (counts[kind] ?? 0) + 1
        counts[kind] = count
        let isOld = logged[kind].map { $0 + .seconds(60) <= now } ?? true
        guard count & (count - 1) == 0 || isOld else { return nil }
        logged[kind] = now
        return count
    }
}

/// Decides which repeated complaints about one connection are worth a line in the log: a new one always, the same one the
/// 2nd, 4th, 8th, … time.
struct RepeatedComplaint {
    private var last: String?
    private var count = 0

    /// - Returns: the line to write, if any.
    mutating func entry(_ text: String) -> String? {
        count = text == last ? count + 1 : 1
        last = text
        guard count & (count - 1) == 0 else { return nil }
        return count == 1 ? text : "\(text) (\(count) times so far)"
    }

    /// All is well again.
    mutating func reset() { self = RepeatedComplaint() }
}
