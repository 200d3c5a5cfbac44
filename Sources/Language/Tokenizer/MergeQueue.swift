/// A binary heap of possible merges: the lowest rank first, then the leftmost position.
///
/// An entry is one word, rank in the upper 24 bits and position in the lower 40.
struct MergeQueue {
    private var heap: [UInt64] = []

    @inline(__always)
    static func entry(rank: UInt64, position: Int) -> UInt64 { rank << 40 | UInt64(position) }

    @inline(__always)
    static func rank(of entry: UInt64) -> UInt64 { entry >> 40 }

    @inline(__always)
    static func position(of entry: UInt64) -> Int { Int(entry & (1 << 40 - 1)) }

    mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

    mutating func push(_ entry: UInt64) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> UInt64? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var child = parent * 2 + 1
            guard child < heap.count else { return first }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < heap[parent] else { return first }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
