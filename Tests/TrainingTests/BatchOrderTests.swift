import Testing

@testable import Training

struct BatchOrderTests {
    private let lengths = (0..<1003).map { 20 + ($0 * 37) % 101 }
    private var order: BatchOrder { BatchOrder(lengths: lengths, batchSize: 8, seed: 3) }

    @Test("an epoch has every example once, in as many batches as are announced", arguments: [1, 2, 8, 1003, 5000])
    func everyExampleOnce(batchSize: Int) {
        let order = BatchOrder(lengths: lengths, batchSize: batchSize, seed: 3)
        let batches = order.batches(epoch: 2)
        #expect(batches.count == order.batchesPerEpoch)
        #expect(batches.flatMap { $0 }.sorted() == Array(lengths.indices))
        #expect(batches.allSatisfy { (1...batchSize).contains($0.count) })
    }

    @Test("the order is a function of seed and epoch alone")
    func orderIsAFunctionOfSeedAndEpoch() {
        #expect(order.batches(epoch: 5) == order.batches(epoch: 5))
        #expect(order.batches(epoch: 5) != order.batches(epoch: 6))
        #expect(order.batches(epoch: 5) != BatchOrder(lengths: lengths, batchSize: 8, seed: 4).batches(epoch: 5))
    }

    @Test("examples of a batch are of similar length, and short batches do not come first")
    func batchesAreOfSimilarLength() {
        let batches = order.batches(epoch: 0)
        let spreads = batches.map { batch in (batch.map { lengths[$0] }.max() ?? 0) - (batch.map { lengths[$0] }.min() ?? 0) }
        // Eight lengths of 20 to 120 drawn at random lie about 78 apart.
        #expect(Double(spreads.reduce(0, +)) / Double(spreads.count) < 12)
        let means = batches.map { batch in Double(batch.reduce(0) { $0 + lengths[$1] }) / Double(batch.count) }
        let half = means.count / 2
        let (early, late) = (means[..<half].reduce(0, +) / Double(half), means[half...].reduce(0, +) / Double(means.count - half))
        #expect(abs(early - late) < 20)
    }

    @Test("examples of equal length that are neighbours in the file meet no more often than others")
    func neighboursDoNotStayTogether() {
        let order = BatchOrder(lengths: Array(repeating: 1, count: 2400), batchSize: 24, seed: 0)
        // Four kinds in a row each, as files of several data sets have them.
        let kinds = (0..<4).flatMap { order.batches(epoch: $0) }.map { batch in Set(batch.map { $0 / 600 }).count }
        // A batch of 24 that is drawn at random has all four kinds in 996 of 1,000 cases.
        #expect(kinds.filter { $0 == 4 }.count > 390, "\(kinds)")
    }

    @Test("examples of a batch meet again in the next epoch no more often than by chance", arguments: [UInt64(0), 1, 77])
    func epochsAreIndependent(seed: UInt64) {
        let order = BatchOrder(lengths: Array(repeating: 1, count: 2400), batchSize: 24, seed: seed)
        let epochs = (0..<4).map { epoch in
            Set(order.batches(epoch: epoch).flatMap { batch in batch.flatMap { one in batch.filter { $0 > one }.map { [one, $0] } } })
        }
        for (before, after) in zip(epochs, epochs.dropFirst()) {
            // By chance: 23 of 2,399.
            let again = Double(after.intersection(before).count) / Double(after.count)
            #expect(again < 0.015, "\(again)")
        }
    }

    @Test("some examples are drawn by the seed, in their order; all of them when there are fewer")
    func someAreDrawn() {
        let all = Array(0..<100)
        let drawn = BatchOrder.drawn(all, count: 10, seed: 1)
        #expect(drawn.count == 10 && drawn == drawn.sorted() && Set(drawn).count == 10)
        #expect(drawn == BatchOrder.drawn(all, count: 10, seed: 1) && drawn != BatchOrder.drawn(all, count: 10, seed: 2))
        #expect(BatchOrder.drawn(all, count: 100, seed: 1) == all && BatchOrder.drawn(all, count: 1 << 40, seed: 1) == all)
    }

    @Test("pairs of a batch have different images, a pass has all images, and each pair is one of the data's")
    func pairsHaveDifferentImages() {
        let texts = (0..<20).map { image in (0...image % 3).map { 10 * image + $0 } }
        let order = PairOrder(textsOfImages: texts, batchSize: 5, seed: 7)
        #expect(order.updatesPerEpoch == texts.reduce(0) { $0 + $1.count } / 5)
        for pass in 0..<3 {
            let pairs = (0..<4).flatMap { order.pairs(update: 4 * pass + $0) }
            #expect(pairs.map(\.image).sorted() == Array(0..<20))
            #expect(pairs.allSatisfy { texts[$0.image].contains($0.text) })
        }
        #expect(order.pairs(update: 9).map(\.text) == order.pairs(update: 9).map(\.text))
        #expect(order.pairs(update: 0).map(\.image) != order.pairs(update: 4).map(\.image))
        let few = PairOrder(textsOfImages: [[0], [1]], batchSize: 96, seed: 0)
        #expect(few.pairs(update: 3).map(\.image).sorted() == [0, 1])
    }
}
