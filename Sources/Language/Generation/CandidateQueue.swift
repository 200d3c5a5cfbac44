/// Tokens by falling logit, and by rising id among equal logits, without sorting those that nobody asks for: a heap, built in O(n).
struct CandidateQueue {
    private let logits: UnsafeBufferPointer<Float>
    private var heap: [Int]

    /// The logits must stay valid while the queue is used, and none may be NaN.
    init(_ logits: UnsafeBufferPointer<Float>) {
        self.logits = logits
        heap = Array(logits.indices)
        for parent in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(parent) }
    }

    mutating func popFirst() -> Int? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            siftDown(0)
        }
        return first
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        logits[left] != logits[right] ? logits[left] > logits[right] : left < right
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var child = parent * 2 + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, precedes(heap[child + 1], heap[child]) { child += 1 }
            guard precedes(heap[child], heap[parent]) else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
