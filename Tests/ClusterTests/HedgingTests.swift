import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

@Suite struct HedgingTests {
    private let one = addresses(layers: 0..<1, experts: [0])

    /// Two replicas that are both known to answer a row within two milliseconds.
    private func pair() throws -> (bench: DispatchBench, a: PeerIdentity, b: PeerIdentity) {
        var bench = DispatchBench(experts: one)
        let a = try bench.join("a", one)
        let b = try bench.join("b", one)
        for ticket in 0..<30 {
            bench.handle(.submit(TicketID(1000 + UInt64(ticket)), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
            bench.now += .milliseconds(2)
            let sent = try #require(bench.sent.last { if case .tile = $0.message { true } else { false } })
            guard case .tile(let tile) = sent.message else { continue }
            try bench.answer(tile, from: sent.peer)
        }
        bench.sent = []
        return (bench, a, b)
    }

    @Test func aLateTileIsGivenToAReplicaToo() throws {
        var (bench, a, b) = try pair()
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
        let first = try #require(bench.tiles().first)
        let slow = bench.tiles(to: a).isEmpty ? b : a
        let other = slow == a ? b : a
        bench.advance(.milliseconds(200))
        let second = try #require(bench.tiles(to: other).first)
        #expect(second.tile == first.tile && second.attempt == first.attempt + 1)
        #expect(bench.machine.counters.hedges == 1)
        try bench.answer(second, from: other)
        #expect(try bench.outcome(1)?.get().count == 1)
        #expect(bench.machine.counters.hedgesWon == 1)
        // The slow one is told, and its reply, should it come, counts for nothing but its credit.
        #expect(bench.sent.contains { if $0.peer == slow, case .forget(let forget) = $0.message { forget.tile == first.tile } else { false } })
        try bench.answer(first, from: slow)
        #expect(bench.machine.counters.lateReplies == 1)
        #expect(bench.finished[TicketID(1)]?.count == 1)
        #expect(bench.machine.status(now: bench.now).workers.allSatisfy { $0.outstandingBytes == 0 })
    }

    @Test func theFirstOneMayStillBeTheFaster() throws {
        var (bench, a, b) = try pair()
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
        let first = try #require(bench.tiles().first)
        let slow = bench.tiles(to: a).isEmpty ? b : a
        bench.advance(.milliseconds(200))
        try bench.answer(first, from: slow)
        #expect(try bench.outcome(1)?.get().first?.shares.first?.worker == (slow == a ? "a" : "b"))
        #expect(bench.machine.counters.hedges == 1 && bench.machine.counters.hedgesWon == 0)
    }

    @Test func aStuckWorkerGetsNothingUntilItAnswersAgain() throws {
        var (bench, a, b) = try pair()
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
        let first = try #require(bench.tiles().first)
        let stuck = bench.tiles(to: a).isEmpty ? b : a
        let other = stuck == a ? b : a
        bench.advance(.milliseconds(25))
        #expect(bench.machine.status(now: bench.now).workers.filter(\.isStuck).count == 1)
        for ticket in 2..<12 {
            bench.handle(.submit(TicketID(UInt64(ticket)), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
            bench.now += .milliseconds(1)
            let sent = try #require(bench.tiles(to: other).last)
            try bench.answer(sent, from: other)
        }
        #expect(bench.tiles(to: stuck).count == 1)
        try bench.answer(first, from: stuck)
        #expect(bench.machine.status(now: bench.now).workers.allSatisfy { !$0.isStuck })
    }

    @Test func aStuckWorkerIsBetterThanNone() throws {
        var bench = DispatchBench(experts: one)
        let a = try bench.join("a", one)
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
        bench.advance(.milliseconds(900))
        bench.beat(a)
        #expect(bench.machine.status(now: bench.now).workers.first?.isStuck == true)
        bench.handle(.submit(TicketID(2), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
        #expect(bench.tiles(to: a).count == 2)
        #expect(bench.machine.counters.hedges == 0)
    }

    @Test func whenTheHelperDiesAnotherHelps() throws {
        var (bench, a, b) = try pair()
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
        let stuck = bench.tiles(to: a).isEmpty ? b : a
        let helper = stuck == a ? b : a
        bench.advance(.milliseconds(200))
        #expect(bench.tiles(to: helper).count == 1)
        let third = try bench.join("c", one)
        bench.handle(.unreachable(helper))
        bench.advance(.milliseconds(100))
        let sent = try #require(bench.tiles(to: third).first)
        try bench.answer(sent, from: third)
        #expect(try bench.outcome(1)?.get().first?.shares.first?.worker == "c")
    }

    @Test func slowWorkersThatStillAnswerAreHedgedWithinABudget() throws {
        var policy = HedgePolicy(HedgePolicy.Configuration())
        var spent = 0
        for _ in 0..<1000 {
            policy.earn()
            if policy.spend() { spent += 1 }
        }
        #expect((100...140).contains(spent), "\(spent)")
    }

    @Test func theDelayFollowsWhatLatelyHappened() throws {
        var policy = HedgePolicy(HedgePolicy.Configuration())
        let now = Moment.now
        let unknown = policy.delay(expected: 0.1, now: now)
        for index in 0..<1000 { policy.record(actual: index % 10 == 0 ? 0.4 : 0.1, expected: 0.1, now: now) }
        let known = policy.delay(expected: 0.1, now: now)
        #expect(unknown == .seconds(1))
        #expect(known > .milliseconds(380) && known < .milliseconds(450), "\(known)")
        #expect(policy.delay(expected: 0.0001, now: now) == .milliseconds(20))
        // What happened long ago counts no more.
        #expect(policy.delay(expected: 0.1, now: now + .seconds(120)) == .seconds(1))
    }
}
