import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

@Suite struct WorkerTilesTests {
    @Test func aForgottenTileThatWaitsIsGivenBackAndOneThatComputesIsNot() throws {
        var bench = try WorkerBench { $0.computeDepth = 1 }
        bench.welcome()
        for id in 1...3 { try bench.give(UInt64(id)) }
        for (tile, attempt, epoch) in [(1, 1, 5), (2, 2, 5), (2, 1, 4), (9, 1, 5), (2, 1, 5), (2, 1, 5)] as [(UInt64, Int, UInt64)] {
            bench.handle(.message(link: 0, .forget(Forget(epoch: epoch, tile: tile, attempt: attempt))))
        }
        #expect(bench.failures.map(\.code) == [.forgotten] && bench.failures.map(\.tile) == [2])
        try bench.finish(0)
        try bench.finish(1)
        #expect(bench.done.map(\.done.tile) == [1, 3])
        #expect(bench.machine.queuedTiles == 0 && bench.machine.queuedBytes == 0)
    }

    @Test func theMetaExpertAloneIsComputedWithoutTheExpert() throws {
        var bench = try WorkerBench(metas: [0])
        bench.welcome()
        try bench.give(1, expert: 7, rows: 2, meta: [1, 2], metaOnly: true)
        let job = try #require(bench.jobs.first)
        #expect(job.tile.metaOnly && job.tile.metaFactors == [1, 2])
        try bench.finish(0)
        #expect(bench.done.map(\.done.expertRows) == [0] && bench.done.first?.done.payload.rows == 2)
        // No factors, and a layer whose meta expert is not here.
        try bench.give(2, expert: 7, metaOnly: true)
        try bench.give(3, layer: 1, expert: 0, meta: [1], metaOnly: true)
        #expect(bench.failures.map(\.code) == [.malformed, .notHeld])
        try bench.give(4, expert: 1, rows: 3, meta: [1, 1, 1])
        try bench.finish(1)
        #expect(bench.done.last?.done.expertRows == 3)
    }

    /// One coordinator sends tiles of 256 rows, the other tiles of one row; both always have some.
    @Test func coordinatorsGetTheSameRowsWhateverTheirTilesAre() throws {
        var bench = try WorkerBench(links: 2) { $0.computeDepth = 1 }
        bench.welcome(0, epoch: 5)
        bench.welcome(1, epoch: 6)
        var rows = [0, 0]
        var next: UInt64 = 0
        var waiting = [0, 0]
        var finished = 0
        func refill() throws {
            for (link, size) in [(0, 256), (1, 1)] {
                while waiting[link] < 4 {
                    try bench.give(next, link: link, epoch: link == 0 ? 5 : 6, rows: size, milliseconds: 60_000)
                    next += 1
                    waiting[link] += 1
                }
            }
        }
        try refill()
        while finished < 2000 {
            let job = bench.jobs[finished]
            let link = job.tile.rowCount == 256 ? 0 : 1
            rows[link] += job.tile.rowCount
            waiting[link] -= 1
            try bench.finish(finished)
            finished += 1
            // The list of all that was ever said would make this quadratic.
            bench.directives.removeAll { if case .send = $0 { true } else { false } }
            try refill()
        }
        #expect(rows[0] > 1000 && abs(rows[0] - rows[1]) <= 512, "\(rows)")
    }
}
