import Language

/// Which image–text pairs meet in a batch: no image twice, as its other texts would be taken for wrong ones.
///
/// A function of the seed and the update alone, so that a run that continues goes on as if it had never stopped.
struct PairOrder: Sendable {
    /// Texts of each image, by number.
    let textsOfImages: [[Int]]
    let batchSize: Int
    let seed: UInt64

    /// As many as it takes to see as many pairs as there are.
    var updatesPerEpoch: Int { max(1, textsOfImages.reduce(0) { $0 + $1.count } / max(1, size)) }

    /// Pairs of a batch: not more than there are images.
    private var size: Int { min(batchSize, textsOfImages.count) }

    /// Batches of one pass over the images.
    private var batchesPerPass: Int { max(1, textsOfImages.count / max(1, size)) }

    /// The pairs of an update. Each pass over the images, in an order of its own, takes one text of each, drawn at random.
    func pairs(update: Int) -> [(image: Int, text: Int)] {
        let pass = update / batchesPerPass
        var random = SplitMix64(seed: seed &+ UInt64(truncatingIfNeeded: pass) &* 0xD134_2543_DE82_EF95)
        let images = Array(textsOfImages.indices).shuffled(using: &random)
        let texts = textsOfImages.map { $0.randomElement(using: &random) ?? 0 }
        let first = update % batchesPerPass * size
        return images[first..<min(images.count, first + size)].map { ($0, texts[$0]) }
    }
}
