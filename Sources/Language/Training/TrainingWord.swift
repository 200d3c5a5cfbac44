/// A piece of the corpus as the tokens that the merges so far make of it.
struct TrainingWord {
    private(set) var tokens: [UInt32]
    /// How often it occurs.
    let count: Int

    /// Puts every occurrence of a pair together, from left to right.
    ///
    /// - Parameter change: called with each neighbouring pair that comes or goes, and whether it comes; the merged pair itself is not
    ///   mentioned. A pair may come and go within one call.
    mutating func merge(_ pair: TokenPair, into merged: UInt32, change: (TokenPair, _ comes: Bool) -> Void) {
        // Reading runs ahead of writing, so that a piece of any length takes linear time.
        var write = 0
        var read = 0
        while read < tokens.count {
            guard tokens[read] == pair.left, read + 1 < tokens.count, tokens[read + 1] == pair.right else {
                tokens[write] = tokens[read]
                write += 1
                read += 1
                continue
            }
            if write > 0 {
                change(TokenPair(tokens[write - 1], pair.left), false)
                change(TokenPair(tokens[write - 1], merged), true)
            }
            if read + 2 < tokens.count {
                change(TokenPair(pair.right, tokens[read + 2]), false)
                change(TokenPair(merged, tokens[read + 2]), true)
            }
            tokens[write] = merged
            write += 1
            read += 2
        }
        tokens.removeSubrange(write...)
    }
}
