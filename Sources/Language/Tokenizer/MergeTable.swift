/// The merge rules: which two neighbouring tokens become one, and how early.
///
/// For rank files, which only rank the merged byte strings, every way to cut a token in two known tokens is a rule of that token's rank:
/// neighbours in a piece are adjacent, so "the pair whose concatenation ranks lowest" and "the rule with the lowest rank" are the same choice.
struct MergeTable: Sendable {
    /// The most rules one table takes: ranks must fit beside a position in one word of `MergeQueue`.
    static let mostRules = (1 << 24) - 2

    private static let free = UInt64.max
    private var keys: [UInt64]
    private var values: [UInt64]
    private var used = 0
    private let seed = UInt64.random(in: .min ... .max) | 1

    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        keys = [UInt64](repeating: Self.free, count: size)
        values = [UInt64](repeating: 0, count: size)
    }

    /// Sets the rule of a pair; a later rule for the same pair replaces the earlier one, as in Hugging Face `tokenizers`.
    mutating func set(_ left: UInt32, _ right: UInt32, rank: UInt32, merged: UInt32) {
        if used * 2 >= keys.count { grow() }
        insert(UInt64(left) << 32 | UInt64(right), UInt64(rank) << 32 | UInt64(merged))
    }

    /// Rank in the upper half, merged id in the lower; nil when the two never merge.
    @inline(__always)
    func rule(_ left: UInt32, _ right: UInt32) -> UInt64? {
        let key = UInt64(left) << 32 | UInt64(right)
        var slot = start(of: key)
        while true {
            if keys[slot] == key { return values[slot] }
            if keys[slot] == Self.free { return nil }
            slot = (slot + 1) & (keys.count - 1)
        }
    }

    @inline(__always)
    private func start(of key: UInt64) -> Int {
        let product = (key ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return Int(truncatingIfNeeded: product.high ^ product.low) & (keys.count - 1)
    }

    private mutating func insert(_ key: UInt64, _ value: UInt64) {
        var slot = start(of: key)
        while keys[slot] != Self.free, keys[slot] != key { slot = (slot + 1) & (keys.count - 1) }
        if keys[slot] == Self.free { used += 1 }
        keys[slot] = key
        values[slot] = value
    }

    private mutating func grow() {
        let old = (keys, values)
        keys = [UInt64](repeating: Self.free, count: old.0.count * 2)
        values = [UInt64](repeating: 0, count: old.0.count * 2)
        used = 0
        for index in old.0.indices where old.0[index] != Self.free { insert(old.0[index], old.1[index]) }
    }
}
