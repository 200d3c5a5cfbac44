import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

@Suite struct DispatchMachineTests {
    private let both = addresses(layers: 0..<2, experts: [0, 1])

    @Test func tilesGoToWhoHoldsTheExpertAndResultsKeepTheirOrder() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", addresses(layers: 0..<2, experts: [0]))
        #expect(!bench.machine.isCovered(Set(both)))
        let b = try bench.join("b", addresses(layers: 0..<2, experts: [1]))
        #expect(bench.machine.isCovered(Set(both)))
        bench.handle(.submit(TicketID(1), [try tile(0, 1, rows: 3), try tile(0, 0, rows: 2)], deadline: bench.now + .seconds(5)))
        let toB = try #require(bench.tiles(to: b).first)
        let toA = try #require(bench.tiles(to: a).first)
        #expect(toB.payload.rows == 3 && toA.payload.rows == 2)
        try bench.answer(toA, from: a)
        #expect(bench.outcome(1) == nil)
        try bench.answer(toB, from: b)
        let results = try #require(try bench.outcome(1)?.get())
        #expect(results.map { $0.shares.first?.worker } == ["b", "a"])
        #expect(results.map(\.rows.shape) == [[3, 4], [2, 4]])
        #expect(bench.machine.status(now: bench.now).workers.allSatisfy { $0.outstandingBytes == 0 && $0.outstandingTiles == 0 })
    }

    @Test func theReplicaWithTheFewestOutstandingRowsIsChosen() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        let b = try bench.join("b", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0, rows: 5), try tile(0, 0, rows: 2), try tile(0, 1, rows: 1)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles(to: a).map(\.payload.rows) == [5])
        #expect(bench.tiles(to: b).map(\.payload.rows) == [2, 1])
    }

    @Test func creditBoundsWhatIsUnderWayAndTheRestWaits() throws {
        var bench = DispatchBench { $0.creditBytes = 4 * 16 }
        let a = try bench.join("a", both)
        bench.handle(.submit(TicketID(1), try (0..<4).map { try tile(0, 0, rows: 2, seed: $0) }, deadline: bench.now + .seconds(5)))
        #expect(bench.tiles(to: a).count == 2)
        #expect(bench.machine.status(now: bench.now).waitingTiles == 2)
        try bench.answer(bench.tiles(to: a)[0], from: a)
        #expect(bench.tiles(to: a).count == 3)
        // A tile larger than the credit goes when nothing else is under way.
        bench = DispatchBench { $0.creditBytes = 10 }
        let b = try bench.join("b", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0, rows: 9)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles(to: b).count == 1)
    }

    @Test func aFullQueueRefusesInsteadOfGrowing() throws {
        var bench = DispatchBench { $0.mostWaitingTiles = 3 }
        bench.handle(.submit(TicketID(1), try (0..<3).map { _ in try tile(0, 0) }, deadline: bench.now + .seconds(5)))
        bench.handle(.submit(TicketID(2), [try tile(0, 0)], deadline: bench.now + .seconds(5)))
        guard case .failure(.overloaded(let reason)) = bench.outcome(2) else {
            Issue.record("\(String(describing: bench.outcome(2)))")
            return
        }
        #expect(reason.contains("limit is 3"))
        #expect(bench.outcome(1) == nil)
    }

    @Test func anUnreachableWorkerLosesItsTilesToAReplicaAtOnce() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        let b = try bench.join("b", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(5)))
        let first = try #require(bench.tiles(to: a).first)
        // While it owes a reply it is probed every 50 ms.
        bench.advance(.milliseconds(50))
        #expect(bench.sent.contains { if $0.peer == a, case .probe = $0.message { true } else { false } })
        bench.handle(.unreachable(a))
        let second = try #require(bench.tiles(to: b).first)
        #expect(second.tile == first.tile && second.attempt == 2)
        // What the lost one still says does not count.
        try bench.answer(first, from: a)
        #expect(bench.outcome(1) == nil)
        #expect(bench.rejections(to: a).map(\.code) == [.helloFirst])
        try bench.answer(second, from: b)
        #expect(try bench.outcome(1)?.get().map { $0.shares.first?.worker } == ["b"])
        #expect(bench.machine.counters.redispatched == 1)
    }

    @Test func silenceOfThreeBeatsLosesAWorkerAndAnyTrafficKeepsIt() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        for _ in 0..<10 {
            bench.advance(.seconds(1))
            bench.handle(.message(a, .beat))
        }
        #expect(bench.machine.status(now: bench.now).workers.count == 1)
        #expect(bench.sent.filter { if case .beat = $0.message { true } else { false } }.count == 10)
        bench.advance(.milliseconds(2999))
        #expect(bench.machine.status(now: bench.now).workers.count == 1)
        bench.advance(.milliseconds(1))
        #expect(bench.machine.status(now: bench.now).workers.isEmpty)
    }

    @Test func lostExpertsAreNamedAtTheDeadlineAndServedWhenTheyComeBack() throws {
        var bench = DispatchBench()
        try bench.join("a", addresses(layers: 0..<2, experts: [0]))
        bench.handle(.submit(TicketID(1), [try tile(0, 0), try tile(0, 1), try tile(1, 1)], deadline: bench.now + .seconds(2)))
        bench.advance(.milliseconds(1999))
        #expect(bench.outcome(1) == nil)
        bench.advance(.milliseconds(1))
        guard case .failure(let error) = bench.outcome(1) else {
            Issue.record("no error")
            return
        }
        #expect(error == .expertsLost([ExpertAddress(layer: 0, expert: 1), ExpertAddress(layer: 1, expert: 1)]))
        bench.handle(.submit(TicketID(2), [try tile(1, 1)], deadline: bench.now + .seconds(5)))
        let b = try bench.join("b", addresses(layers: 0..<2, experts: [1]))
        try bench.answer(try #require(bench.tiles(to: b).first), from: b)
        #expect(try bench.outcome(2)?.get().count == 1)
    }

    @Test func aDeadlineNamesTheExpertsThatDidNotAnswer() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0), try tile(1, 1)], deadline: bench.now + .seconds(2)))
        try bench.answer(bench.tiles(to: a)[0], from: a)
        bench.advance(.seconds(2))
        guard case .failure(let error) = bench.outcome(1) else {
            Issue.record("no error")
            return
        }
        #expect(error == .deadline([ExpertAddress(layer: 1, expert: 1)]))
        // The late answer frees the credit and changes nothing else.
        try bench.answer(bench.tiles(to: a)[1], from: a)
        #expect(bench.machine.counters.lateReplies == 1)
        #expect(bench.finished[TicketID(1)]?.count == 1)
        #expect(bench.machine.status(now: bench.now).workers.first?.outstandingBytes == 0)
    }

    @Test(arguments: ["shape", "nan", "failed", "malformed"])
    func aBadReplyIsAskedAgainElsewhereAndFailsWhenNobodyIsLeft(kind: String) throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        let b = try bench.join("b", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0, rows: 2)], deadline: bench.now + .seconds(5)))
        func spoil(_ tile: Tile, _ peer: PeerIdentity) throws {
            switch kind {
            case "shape": try bench.answer(tile, from: peer, with: matrix(3, 4) { _ in 0 })
            case "nan": try bench.answer(tile, from: peer, with: matrix(2, 4) { $0 == 7 ? .nan : 0 })
            case "malformed": bench.handle(.malformed(peer, .malformed(message: "TileDone", field: "payload", reason: "is short")))
            default:
                bench.handle(
                    .message(peer, .tileFailed(TileFailed(epoch: tile.epoch, tile: tile.tile, attempt: tile.attempt, code: .compute, reason: "oh"))))
            }
        }
        try spoil(try #require(bench.tiles(to: a).first), a)
        #expect(bench.outcome(1) == nil)
        try spoil(try #require(bench.tiles(to: b).first), b)
        guard case .failure(let error) = bench.outcome(1) else {
            Issue.record("no error")
            return
        }
        if kind == "malformed" {
            // Both lost their sessions: nobody is there who could refuse.
            #expect("\(error)".contains("worker"))
        } else {
            guard case .rejected(let reason) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(reason.contains("worker 'b'"))
        }
    }

    @Test func aFullWorkerQueueIsTriedAgainAfterAPause() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(5)))
        let first = bench.tiles(to: a)[0]
        bench.handle(
            .message(a, .tileFailed(TileFailed(epoch: first.epoch, tile: first.tile, attempt: 1, code: .queueFull, reason: "full"))))
        #expect(bench.tiles(to: a).count == 1 && bench.outcome(1) == nil)
        bench.advance(.milliseconds(50))
        #expect(bench.tiles(to: a).count == 2)
        try bench.answer(bench.tiles(to: a)[1], from: a)
        #expect(try bench.outcome(1)?.get().count == 1)
    }

    @Test func duplicateStaleAndUnknownRepliesAreCountedAndDropped() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0), try tile(0, 1)], deadline: bench.now + .seconds(5)))
        let tile = bench.tiles(to: a)[0]
        try bench.answer(tile, from: a)
        try bench.answer(tile, from: a)
        #expect(bench.machine.counters.duplicateReplies == 1)
        var stale = bench.tiles(to: a)[1]
        stale.epoch -= 1
        try bench.answer(stale, from: a)
        #expect(bench.machine.counters.staleReplies == 1)
        var other = bench.tiles(to: a)[1]
        other.attempt += 1
        try bench.answer(other, from: a)
        other.tile += 100
        try bench.answer(other, from: a)
        #expect(bench.machine.counters.duplicateReplies == 3)
        #expect(bench.outcome(1) == nil)
    }

    @Test func cancellingDropsATicketAndKeepsAccountOfWhatTheWorkerHas() throws {
        var bench = DispatchBench { $0.creditBytes = 16 }
        let a = try bench.join("a", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0), try tile(0, 1)], deadline: bench.now + .seconds(5)))
        bench.handle(.cancel(TicketID(1)))
        guard case .failure(.cancelled) = bench.outcome(1) else {
            Issue.record("not cancelled")
            return
        }
        #expect(bench.machine.status(now: bench.now).waitingTiles == 0)
        #expect(bench.machine.status(now: bench.now).workers.first?.outstandingBytes == 16)
        bench.handle(.submit(TicketID(2), [try tile(0, 1)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles(to: a).count == 1)
        try bench.answer(bench.tiles(to: a)[0], from: a)
        #expect(bench.tiles(to: a).count == 2)
    }

    @Test func otherModelsAreRefusedWithTheReason() throws {
        let experts = addresses(layers: 0..<2, experts: [0, 1])
        let expectedDigests = try Dictionary(uniqueKeysWithValues: experts.map { ($0, try digest($0)) })
        var bench = DispatchBench { $0.expectedDigests = expectedDigests }
        let other = try bench.join("other", experts, model: 2)
        #expect(bench.rejections(to: other).map(\.code) == [.digestsDiffer])
        #expect(bench.rejections(to: other).first?.reason.contains("layer 0 expert 0") == true)
        let wide = try bench.join("wide", experts, width: 8)
        #expect(bench.rejections(to: wide).map(\.code) == [.widthDiffers])
        let foreign = try bench.join("foreign", addresses(layers: 5..<6, experts: [0]))
        #expect(bench.rejections(to: foreign).map(\.code) == [.nothingInCommon])
        let empty = try bench.join("empty", [])
        #expect(bench.rejections(to: empty).map(\.code) == [.nothingInCommon])
        let peer = PeerIdentity([9])
        bench.handle(.malformed(peer, .version(theirs: 7)))
        #expect(bench.rejections(to: peer).map(\.code) == [.protocolVersion])
        #expect(bench.machine.status(now: bench.now).workers.isEmpty)
        let good = try bench.join("good", experts)
        #expect(bench.rejections(to: good).isEmpty)
    }

    @Test func withoutExpectedDigestsWorkersMustAgree() throws {
        var bench = DispatchBench()
        try bench.join("first", addresses(layers: 0..<2, experts: [0]))
        let second = try bench.join("second", addresses(layers: 0..<1, experts: [0, 1]), model: 2)
        #expect(bench.rejections(to: second).first?.reason.contains("'first'") == true)
    }

    @Test func metaExpertsMustBeHeldWhereTheModelHasThem() throws {
        let meta = try digest(ExpertAddress(layer: 0, expert: 99))
        var bench = DispatchBench { $0.expectedMetaDigests = [0: meta] }
        let without = try bench.join("without", addresses(layers: 0..<1, experts: [0]))
        #expect(bench.rejections(to: without).map(\.code) == [.digestsDiffer])
        let incarnation = Incarnation.random()
        var hello = Hello(incarnation: incarnation, name: "with", try holdings(addresses(layers: 0..<1, experts: [0])))
        hello.metas = [.init(layer: 0, digest: meta)]
        bench.handle(.message(.worker(incarnation), .hello(hello)))
        #expect(bench.machine.status(now: bench.now).workers.map(\.name) == ["with"])
    }

    @Test func aLeavingWorkerGivesBackAndGetsNothingNew() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(5)))
        let first = bench.tiles(to: a)[0]
        bench.handle(.message(a, .tileFailed(TileFailed(epoch: first.epoch, tile: first.tile, attempt: 1, code: .leaving, reason: "bye"))))
        #expect(bench.tiles(to: a).count == 1)
        #expect(!bench.machine.isCovered(Set(both)))
        let b = try bench.join("b", both)
        #expect(bench.tiles(to: b).count == 1)
        bench.handle(.message(a, .goodbye(reason: "done")))
        #expect(bench.machine.status(now: bench.now).workers.map(\.name) == ["b"])
    }

    @Test func impossibleTilesAreRefusedBeforeAnythingIsSent() throws {
        var bench = DispatchBench()
        try bench.join("a", both)
        let wide = try tile(0, 0, width: 5)
        let uneven = ExpertTile(address: wide.address, rows: try matrix(2, 4) { _ in 0 }, factors: [1], metaFactors: nil)
        let infinite = ExpertTile(address: wide.address, rows: try matrix(1, 4) { _ in 0 }, factors: [.infinity], metaFactors: nil)
        for (id, bad) in [wide, uneven, infinite, try tile(0, 0, rows: 257)].enumerated() {
            bench.handle(.submit(TicketID(UInt64(id)), [bad], deadline: bench.now + .seconds(5)))
            guard case .failure(.rejected) = bench.outcome(UInt64(id)) else {
                Issue.record("tile \(id) was taken")
                continue
            }
        }
        #expect(bench.tiles().isEmpty)
        bench.handle(.submit(TicketID(9), [], deadline: bench.now))
        #expect(try bench.outcome(9)?.get().isEmpty == true)
    }

    @Test func aReplyThatIsLongOverdueEndsTheSession() throws {
        var bench = DispatchBench()
        let a = try bench.join("a", both)
        bench.handle(.submit(TicketID(1), [try tile(0, 0)], deadline: bench.now + .seconds(1)))
        for _ in 0..<30 {
            bench.advance(.seconds(1))
            bench.handle(.message(a, .beat))
        }
        bench.advance(.seconds(1))
        #expect(bench.rejections(to: a).map(\.code) == [.helloFirst])
        #expect(bench.machine.status(now: bench.now).workers.isEmpty)
    }
}
