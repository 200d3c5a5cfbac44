/// Shares one resource among several who want it: everybody who wants more than there is gets the same amount of it.
///
/// Each turn goes to whoever has had least. Who comes back from a pause starts where the others are: a pause earns nothing.
struct FairShare {
    /// What each has had.
    private var spent: [Int]
    /// Where the last turn began: no one who waits has had less.
    private var level = 0
    /// Who had the last turn; equals are served in a circle.
    private var last: Int

    init(count: Int) {
        spent = Array(repeating: 0, count: count)
        last = count - 1
    }

    /// Somebody who wanted nothing wants something now.
    mutating func wakes(_ member: Int) { spent[member] = max(spent[member], level) }

    /// Whose turn it is; nil when nobody wants anything.
    func next(among wanting: some Sequence<Int>) -> Int? {
        wanting.min { (spent[$0], distance($0)) < (spent[$1], distance($1)) }
    }

    /// The turn of a member, and what it cost.
    mutating func charge(_ member: Int, rows: Int) {
        level = max(level, spent[member])
        spent[member] += rows
        last = member
    }

    private func distance(_ member: Int) -> Int { (member - last - 1 + spent.count) % spent.count }
}
