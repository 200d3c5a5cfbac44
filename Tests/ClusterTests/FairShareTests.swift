import Testing

@testable import Cluster

@Suite struct FairShareTests {
    /// Rows that each member got after some turns, when all want more all the time.
    private func run(_ sizes: [Int], turns: Int) -> [Int] {
        var share = FairShare(count: sizes.count)
        var rows = Array(repeating: 0, count: sizes.count)
        for member in sizes.indices { share.wakes(member) }
        for _ in 0..<turns {
            guard let member = share.next(among: sizes.indices) else { break }
            share.charge(member, rows: sizes[member])
            rows[member] += sizes[member]
        }
        return rows
    }

    @Test func largeAndSmallTilesGetTheSameRows() {
        let rows = run([256, 1, 17], turns: 20_000)
        #expect((rows.max() ?? 0) - (rows.min() ?? 0) <= 256, "\(rows)")
        #expect(rows[0] > 10_000)
    }

    @Test func equalsTakeTurns() {
        var share = FairShare(count: 3)
        var order: [Int] = []
        for _ in 0..<6 {
            guard let member = share.next(among: 0..<3) else { break }
            share.charge(member, rows: 5)
            order.append(member)
        }
        #expect(order == [0, 1, 2, 0, 1, 2])
        #expect(share.next(among: []) == nil)
    }

    @Test func aPauseEarnsNothing() {
        var share = FairShare(count: 2)
        share.wakes(0)
        for _ in 0..<100 { share.charge(0, rows: 256) }
        share.wakes(1)
        var turns = 0
        // The one that comes now gets one large tile's worth ahead at most, not all that it did not use before.
        while share.next(among: 0..<2) == 1 {
            share.charge(1, rows: 1)
            turns += 1
        }
        #expect(turns <= 257, "\(turns)")
    }
}
