import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

@Suite struct WorkerLeavingTests {
    @Test func leavingSaysUnreadyFirstFinishesEveryTileAndSaysGoodbyeLast() throws {
        var bench = try WorkerBench(links: 2) { $0.computeDepth = 1 }
        bench.welcome(0, epoch: 5)
        bench.welcome(1, epoch: 6)
        for id in 1...3 { try bench.give(UInt64(id)) }
        let before = bench.directives.count
        bench.handle(.leave(reason: "test"))
        for (link, epoch) in [(0, UInt64(5)), (1, 6)] {
            guard case .unready(let unready)? = bench.sent(link).last else {
                Issue.record("not told: \(bench.directives.dropFirst(before))")
                continue
            }
            #expect(unready.epoch == epoch)
        }
        try bench.give(4)
        #expect(bench.failures.map(\.code) == [.leaving] && bench.failures.map(\.tile) == [4])
        for index in 0..<3 {
            #expect(!bench.hasLeft)
            try bench.finish(index)
        }
        #expect(bench.done.map(\.done.tile) == [1, 2, 3])
        guard case .left? = bench.directives.last, case .send(1, .goodbye)? = bench.directives.dropLast().last,
            case .goodbye? = bench.sent(0).last
        else {
            Issue.record("no goodbye at the end: \(bench.directives.suffix(3))")
            return
        }
        #expect(bench.machine.nextWake == nil)
    }

    @Test func atTheDrainTimeoutWhatDidNotStartIsGivenBackAndTheWorkerLeavesAnyway() throws {
        var bench = try WorkerBench {
            $0.computeDepth = 1
            $0.drainTimeout = .seconds(2)
        }
        bench.welcome()
        try bench.give(1, milliseconds: 60_000)
        try bench.give(2, milliseconds: 60_000)
        bench.handle(.leave(reason: "test"))
        bench.advance(.milliseconds(1999))
        #expect(!bench.hasLeft && bench.failures.isEmpty)
        #expect(bench.machine.nextWake.map { $0 <= bench.now + .milliseconds(1) } == true)
        bench.advance(.milliseconds(1))
        #expect(bench.hasLeft)
        #expect(bench.failures.map(\.code) == [.leaving] && bench.failures.map(\.tile) == [2])
        guard case .goodbye? = bench.sent().last else {
            Issue.record("no goodbye: \(bench.directives.suffix(2))")
            return
        }
        // The stuck tile ends after all: nobody is told any more.
        let count = bench.directives.count
        try bench.finish(0)
        #expect(bench.directives.count == count && bench.machine.nextWake == nil)
    }

    @Test func aWelcomeThatCrossesTheLeavingIsAnsweredWithUnready() throws {
        var bench = try WorkerBench(links: 2)
        bench.welcome(0)
        try bench.give(1)
        bench.handle(.leave(reason: "test"))
        bench.welcome(1, epoch: 9)
        guard case .unready(let unready)? = bench.sent(1).last else {
            Issue.record("\(bench.sent(1))")
            return
        }
        #expect(unready.epoch == 9)
        try bench.give(7, link: 1, epoch: 9)
        #expect(bench.failures.map(\.code) == [.leaving])
        try bench.finish(0)
        guard case .goodbye? = bench.sent(1).last else {
            Issue.record("\(bench.sent(1))")
            return
        }
    }

    @Test func leavingWhileTheCoordinatorIsAwayEndsToo() throws {
        var bench = try WorkerBench()
        bench.welcome()
        try bench.give(1)
        bench.handle(.message(link: 0, .goodbye(reason: "bye")))
        bench.handle(.leave(reason: "test"))
        bench.advance(.seconds(10))
        #expect(bench.machine.nextWake.map { $0 > bench.now } ?? true)
        bench.handle(.computed(job: bench.jobs[0].id, .failed("no")))
        guard case .left? = bench.directives.last else {
            Issue.record("it did not leave")
            return
        }
    }

    @Test func aCoordinatorThatDiesMeanwhileDoesNotKeepTheWorker() throws {
        var bench = try WorkerBench { $0.computeDepth = 1 }
        bench.welcome()
        try bench.give(1, milliseconds: 60_000)
        try bench.give(2, milliseconds: 60_000)
        bench.handle(.leave(reason: "test"))
        bench.advance(.seconds(3))
        #expect(!bench.hasLeft && bench.hellos == 1)
        try bench.finish(0)
        #expect(bench.hasLeft)
    }
}
