import Language

/// In which order and company examples are learnt from: a function of the seed and the epoch alone, so that a run that continues
/// goes on with the batches of one that never stopped.
struct BatchOrder: Sendable {
    /// Rows of each example.
    let lengths: [Int]
    let batchSize: Int
    let seed: UInt64

    /// Another number whenever the same seed gives other batches: a run must not go on from a checkpoint of another order.
    static let version = 2

    /// Batches per window of the shuffled examples within which those of similar length come together.
    private static let window = 16

    var batchesPerEpoch: Int { (lengths.count + batchSize - 1) / batchSize }

    /// The examples of each batch of an epoch.
    func batches(epoch: Int) -> [[Int]] {
        var random = SplitMix64(seed: seed, stream: epoch)
        let shuffled = Array(lengths.indices).shuffled(using: &random)
        var batches: [[Int]] = []
        for start in stride(from: 0, to: shuffled.count, by: batchSize * Self.window) {
            // Equal lengths stay shuffled: by place in the file, questions about one image, or images of one kind, would come together.
            let window = shuffled[start..<min(shuffled.count, start + batchSize * Self.window)].enumerated()
                .sorted { (lengths[$0.element], $0.offset) < (lengths[$1.element], $1.offset) }
                .map(\.element)
            for first in stride(from: 0, to: window.count, by: batchSize) {
                batches.append(Array(window[first..<min(window.count, first + batchSize)]))
            }
        }
        return batches.shuffled(using: &random)
    }
}
