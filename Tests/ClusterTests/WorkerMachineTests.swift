import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

@Suite struct WorkerMachineTests {
    @Test func itSaysHelloAgainOnANewConnectionUntilItIsWelcomed() throws {
        var bench = try WorkerBench()
        #expect(bench.hellos == 1 && bench.reopened == 1)
        bench.advance(.milliseconds(2999))
        #expect(bench.hellos == 1)
        bench.advance(.milliseconds(1))
        #expect(bench.hellos == 2 && bench.reopened == 2)
        bench.welcome()
        for _ in 0..<5 {
            bench.advance(.seconds(1))
            bench.handle(.message(link: 0, .beat))
        }
        #expect(bench.hellos == 2)
        #expect(bench.directives.filter { if case .send(_, .beat) = $0 { true } else { false } }.count == 5)
    }

    @Test func aSilentCoordinatorIsGreetedAnewWithinFiveSeconds() throws {
        var bench = try WorkerBench()
        bench.welcome()
        bench.advance(.seconds(3))
        #expect(bench.hellos == 2 && bench.machine.counters.coordinatorsLost == 1)
        bench.welcome(epoch: 6)
        try bench.give(1, epoch: 5)
        #expect(bench.jobs.isEmpty && bench.machine.counters.staleTiles == 1)
        try bench.give(2, epoch: 6)
        #expect(bench.jobs.count == 1)
    }

    @Test func aCoordinatorThatForgotItIsGreetedAtOnce() throws {
        var bench = try WorkerBench()
        bench.welcome()
        bench.handle(.message(link: 0, .rejected(Rejection(code: .helloFirst, reason: "who?"))))
        bench.advance(.milliseconds(50))
        #expect(bench.hellos == 2)
        #expect(bench.machine.counters.rejections == 0)
    }

    @Test func rejectionsAreReportedAndTriedAgainWithGrowingPauses() throws {
        var bench = try WorkerBench()
        var pauses: [Int] = []
        for _ in 0..<7 {
            let before = bench.hellos
            bench.handle(.message(link: 0, .rejected(Rejection(code: .digestsDiffer, reason: "other weights"))))
            var waited = 0
            while bench.hellos == before, waited < 100 {
                bench.advance(.seconds(1))
                waited += 1
            }
            pauses.append(waited)
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 32])
        #expect(bench.directives.filter { if case .rejected(0, let rejection) = $0 { rejection.code == .digestsDiffer } else { false } }.count == 7)
    }

    @Test func onlyTilesItCanComputeAreTaken() throws {
        var bench = try WorkerBench()
        bench.welcome()
        try bench.give(1, expert: 7)
        try bench.give(2, width: 5)
        try bench.give(3, milliseconds: 0)
        try bench.give(4, meta: [1])
        #expect(bench.failures.map(\.code) == [.notHeld, .malformed, .expired, .notHeld])
        #expect(bench.jobs.isEmpty)
        try bench.give(5, rows: 2)
        let job = try #require(bench.jobs.first)
        bench.handle(.computed(job: job.id, .rows(try matrix(1, 4) { _ in 0 }, nanoseconds: 1)))
        #expect(bench.failures.last?.code == .compute)
    }

    @Test func theQueueIsBoundedAndExpiredTilesAreGivenBack() throws {
        var bench = try WorkerBench {
            $0.mostQueuedTiles = 2
            $0.computeDepth = 1
        }
        bench.welcome()
        for id in 1...4 { try bench.give(UInt64(id), milliseconds: id == 2 ? 500 : 60_000) }
        #expect(bench.jobs.count == 1)
        #expect(bench.failures.map(\.code) == [.queueFull] && bench.failures.map(\.tile) == [4])
        bench.now = bench.now + .milliseconds(501)
        bench.handle(.computed(job: bench.jobs[0].id, .rows(try matrix(1, 4) { _ in 2 }, nanoseconds: 9)))
        #expect(bench.failures.map(\.code) == [.queueFull, .expired])
        #expect(bench.done.map(\.done.tile) == [1])
        #expect(bench.jobs.count == 2)
    }

    @Test func coordinatorsTakeTurns() throws {
        var bench = try WorkerBench(links: 2) { $0.computeDepth = 1 }
        bench.welcome(0, epoch: 5)
        bench.welcome(1, epoch: 6)
        for id in 0..<3 { try bench.give(UInt64(id), link: 0, epoch: 5) }
        for id in 10..<12 { try bench.give(UInt64(id), link: 1, epoch: 6) }
        for index in 0..<5 { bench.handle(.computed(job: bench.jobs[index].id, .rows(try matrix(1, 4) { _ in 0 }, nanoseconds: 1))) }
        #expect(bench.done.map(\.link) == [0, 1, 0, 1, 0])
        #expect(bench.done.map(\.done.tile) == [0, 10, 1, 11, 2])
    }

    @Test func resultsOfALostSessionAreDropped() throws {
        var bench = try WorkerBench()
        bench.welcome()
        try bench.give(1)
        bench.welcome(epoch: 6)
        bench.handle(.computed(job: bench.jobs[0].id, .rows(try matrix(1, 4) { _ in 0 }, nanoseconds: 1)))
        #expect(bench.done.isEmpty && bench.machine.counters.droppedResults == 1)
    }
}
