/// A binary heap of pairs that may be merged next: the most frequent first, the smallest pair among equals.
struct PairQueue {
    struct Entry {
        var pair: TokenPair
        /// How often the pair occurred when the entry was made or last corrected.
        var count: Int
        /// Numbers of the words in which the pair arose, each once; other merges may have taken it from some.
        var words: [Int32]

        fileprivate func precedes(_ other: Entry) -> Bool { count != other.count ? count > other.count : pair < other.pair }
    }

    private var heap: [Entry] = []

    mutating func push(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> Entry? {
        guard heap.count > 1 else { return heap.popLast() }
        heap.swapAt(0, heap.count - 1)
        let first = heap.popLast()
        var parent = 0
        while true {
            var child = parent * 2 + 1
            guard child < heap.count else { return first }
            if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
            guard heap[child].precedes(heap[parent]) else { return first }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
