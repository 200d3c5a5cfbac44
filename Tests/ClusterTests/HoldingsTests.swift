import MedMoE
import Testing
import Wire

@testable import Cluster

@Suite struct HoldingsTests {
    private let all = addresses(layers: 0..<1, experts: [0, 1])
    private let first = addresses(layers: 0..<1, experts: [0])
    private let second = addresses(layers: 0..<1, experts: [1])

    private func announce(_ bench: inout DispatchBench, _ peer: PeerIdentity, _ experts: [ExpertAddress], model: UInt8 = 1) throws {
        let epoch = try #require(bench.machine.workers[peer]?.epoch)
        let version = (bench.machine.workers[peer]?.holdingsVersion ?? 0) + 1
        let hello = Hello(incarnation: .random(), name: "x", try holdings(experts, model: model))
        bench.handle(.message(peer, .holdings(HoldingsChanged(epoch: epoch, version: version, holdings: hello.holdings, metas: hello.metas))))
    }

    @Test func tilesFollowWhatAWorkerHoldsNow() throws {
        var bench = DispatchBench(experts: all)
        let a = try bench.join("a", first)
        bench.handle(.submit(TicketID(1), [try tile(0, 1)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles().isEmpty)
        try announce(&bench, a, all)
        #expect(bench.tiles(to: a).map(\.expert) == [1])
        #expect(bench.machine.isCovered(Set(all)))
        try announce(&bench, a, second)
        bench.handle(.submit(TicketID(2), [try tile(0, 0)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles(to: a).map(\.expert) == [1])
        #expect(bench.machine.missing(of: Set(all)) == Set(first))
    }

    @Test func otherWeightsThanTheModelsEndTheSession() throws {
        let digests = try Dictionary(uniqueKeysWithValues: all.map { ($0, try digest($0)) })
        var bench = DispatchBench(experts: all) { $0.expectedDigests = digests }
        let a = try bench.join("a", first)
        try announce(&bench, a, all, model: 9)
        #expect(bench.machine.workers.isEmpty)
        #expect(bench.rejections(to: a).map(\.code) == [.digestsDiffer])
    }

    @Test func aDroppedExpertsTileGoesToAReplicaOrWaits() throws {
        var bench = DispatchBench(experts: all)
        let a = try bench.join("a", all)
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(5)))
        let sent = try #require(bench.tiles(to: a).first)
        try announce(&bench, a, second)
        bench.handle(
            .message(
                a, .tileFailed(TileFailed(epoch: sent.epoch, tile: sent.tile, attempt: sent.attempt, code: .notHeld, reason: "dropped"))))
        #expect(bench.outcome(1) == nil)
        let b = try bench.join("b", first)
        try bench.answer(try #require(bench.tiles(to: b).first), from: b)
        #expect(try bench.outcome(1)?.get().count == 1)
    }

    @Test func aLeavingWorkerAnswersWhatItHasAndGetsNothingNew() throws {
        var bench = DispatchBench(experts: first)
        let a = try bench.join("a", first)
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(5)))
        let sent = try #require(bench.tiles(to: a).first)
        bench.handle(.message(a, .unready(Unready(epoch: sent.epoch, reason: "asked to"))))
        bench.handle(.submit(TicketID(2), [try tile(0, 0)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles(to: a).count == 1)
        #expect(bench.machine.status(now: bench.now).workers.first?.isLeaving == true)
        try bench.answer(sent, from: a)
        #expect(try bench.outcome(1)?.get().count == 1)
        bench.handle(.message(a, .goodbye(reason: "done")))
        #expect(bench.machine.counters.workersLeft == 1 && bench.machine.counters.workersLost == 0)
        let b = try bench.join("b", first)
        #expect(bench.tiles(to: b).count == 1)
    }

    @Test func unreadyOfAnEarlierSessionCountsForNothing() throws {
        var bench = DispatchBench(experts: first)
        let a = try bench.join("a", first)
        bench.handle(.message(a, .unready(Unready(epoch: 1, reason: "old"))))
        #expect(bench.machine.status(now: bench.now).workers.first?.isLeaving == false)
    }

    @Test func assignmentsReachTheWorkerAndItsAnswerComesBack() throws {
        var bench = DispatchBench(experts: all)
        let a = try bench.join("a", first)
        try bench.join("b", all)
        bench.handle(.assign(AssignmentID(7), worker: "a", add: [1], drop: [0]))
        let order = bench.sent.compactMap { sent in if sent.peer == a, case .assign(let assign) = sent.message { assign } else { nil } }
        #expect(order.count == 1 && order.first?.add == [1] && order.first?.drop == [0] && order.first?.assignment == 7)
        try announce(&bench, a, second)
        bench.handle(.message(a, .assigned(Assigned(epoch: try #require(order.first?.epoch), assignment: 7, failure: nil))))
        #expect(bench.assigned[AssignmentID(7)]?.failure == nil && bench.assigned[AssignmentID(7)]?.experts == [1])
        // Only once.
        bench.assigned = [:]
        bench.handle(.message(a, .assigned(Assigned(epoch: try #require(order.first?.epoch), assignment: 7, failure: nil))))
        #expect(bench.assigned.isEmpty)
    }

    @Test(arguments: [
        ("nobody", [1], [], "no worker 'nobody'"), ("a", [1], [1], "at once"), ("a", [9], [], "no expert 9"),
        ("a", [], [0], "no other worker holds expert 0"),
    ])
    func impossibleAssignmentsFailWithAReason(worker: String, add: [Int], drop: [Int], reason: String) throws {
        var bench = DispatchBench(experts: all)
        try bench.join("a", first)
        bench.handle(.assign(AssignmentID(1), worker: worker, add: add, drop: drop))
        #expect(bench.assigned[AssignmentID(1)]?.failure?.contains(reason) == true, "\(bench.assigned)")
    }

    @Test func aWorkerThatDiesTakesItsAssignmentsAlong() throws {
        var bench = DispatchBench(experts: all)
        let a = try bench.join("a", first)
        bench.handle(.assign(AssignmentID(1), worker: "a", add: [1], drop: []))
        #expect(bench.assigned.isEmpty)
        bench.handle(.unreachable(a))
        #expect(bench.assigned[AssignmentID(1)]?.failure?.contains("lost") == true)
    }

    @Test func aCoordinatorThatWasStoppedDoesNotBlameItsWorkers() throws {
        var bench = DispatchBench(experts: first)
        let a = try bench.join("a", first)
        bench.advance(.milliseconds(500))
        bench.beat(a)
        // Stopped for a minute: what workers sent meanwhile has not been read yet when the clock is looked at.
        bench.now += .seconds(60)
        bench.handle(.tick)
        #expect(bench.machine.workers[a] != nil)
        bench.advance(.seconds(4))
        #expect(bench.machine.workers[a] == nil)
    }

    @Test func statusTellsReplicasRatesAndTimes() throws {
        var bench = DispatchBench(experts: all)
        let a = try bench.join("a", all)
        try bench.join("b", second)
        for ticket in 0..<10 {
            bench.handle(.submit(TicketID(UInt64(ticket)), [try tile(0, 0, rows: 3)], deadline: bench.now + .seconds(5)))
            bench.now += .milliseconds(10)
            try bench.answer(try #require(bench.tiles(to: a).last), from: a)
        }
        let status = bench.machine.status(now: bench.now)
        #expect(status.experts.map(\.replicas) == [1, 2])
        #expect(status.experts[0].rowsDone == 30 && status.experts[0].rowsPerSecond == 30)
        #expect(status.experts[0].roundTrip.p50 >= .milliseconds(10) && status.experts[0].roundTrip.p99 < .milliseconds(11))
        #expect(status.waits.p50 >= .milliseconds(10) && status.longestWait == .milliseconds(10) && status.stalls == 0)
        #expect(status.workers.first?.rowsPerSecond == 30)
        let later = bench.machine.status(now: bench.now + .seconds(120))
        #expect(later.experts[0].rowsPerSecond == 0 && later.experts[0].roundTrip.p99 == .zero && later.experts[0].rowsDone == 30)
    }
}
