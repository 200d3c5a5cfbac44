/// How often each pair occurs, brought up to date merge by merge.
///
/// A merge makes pairs with the new token, which arise in that step only, and takes occurrences from pairs of older ones: so one entry per
/// pair in the queue is enough, and its count can only be too high.
struct PairStatistics {
    private(set) var words: [TrainingWord]
    private var counts: [TokenPair: Int] = [:]
    /// Where pairs arose since the last call of `queueArisen`.
    private var arisen: [TokenPair: [Int32]] = [:]

    init(_ words: [TrainingWord]) {
        self.words = words
        for (number, word) in words.enumerated() {
            for (left, right) in zip(word.tokens, word.tokens.dropFirst()) {
                count(TokenPair(left, right), comes: true, in: number)
            }
        }
    }

    /// How often a pair occurs.
    func count(of pair: TokenPair) -> Int { counts[pair, default: 0] }

    /// Puts the pair together in these words.
    mutating func merge(_ pair: TokenPair, into merged: UInt32, words numbers: [Int32]) {
        for number in numbers {
            var changes: [(TokenPair, Bool)] = []
            words[Int(number)].merge(pair, into: merged) { changes.append(($0, $1)) }
            for (pair, comes) in changes { count(pair, comes: comes, in: Int(number)) }
        }
    }

    /// Adds an entry for every pair that arose since the last call, with the words where it did.
    mutating func queueArisen(_ queue: inout PairQueue) {
        for (pair, words) in arisen where count(of: pair) > 0 {
            queue.push(PairQueue.Entry(pair: pair, count: count(of: pair), words: words))
        }
        arisen.removeAll(keepingCapacity: true)
    }

    private mutating func count(_ pair: TokenPair, comes: Bool, in word: Int) {
        counts[pair, default: 0] += comes ? words[word].count : -words[word].count
        guard comes else { return }
        // Words come one after the other, so one look at the last keeps each once.
        let number = Int32(truncatingIfNeeded: word)
        if arisen[pair]?.last != number { arisen[pair, default: []].append(number) }
    }
}
