import MedMoE
import Testing
import Wire

@testable import Cluster

@Suite struct MissingExpertTests {
    private let both = addresses(layers: 0..<1, experts: [0, 1])
    private let first = addresses(layers: 0..<1, experts: [0])
    private let second = addresses(layers: 0..<1, experts: [1])

    private func metaTile(_ expert: Int, rows: Int = 2) throws -> ExpertTile {
        let plain = try tile(0, expert, rows: rows)
        return ExpertTile(address: plain.address, rows: plain.rows, factors: plain.factors, metaFactors: plain.factors)
    }

    @Test func whoAskedToBeToldIsToldAfterThePatience() throws {
        var bench = DispatchBench(experts: both)
        try bench.join("a", first)
        bench.handle(
            .submit(TicketID(1), [try tile(0, 0), try tile(0, 1)], deadline: bench.now + .seconds(60), whenUncovered: .report))
        bench.advance(.milliseconds(499))
        #expect(bench.outcome(1) == nil)
        bench.advance(.milliseconds(1))
        #expect(throws: DispatchError.uncovered(second)) { try bench.outcome(1)?.get() }
        // From now on at once, and only those who need it.
        bench.handle(.submit(TicketID(2), [try tile(0, 1)], deadline: bench.now + .seconds(60), whenUncovered: .report))
        #expect(throws: DispatchError.uncovered(second)) { try bench.outcome(2)?.get() }
        bench.handle(.submit(TicketID(3), [try tile(0, 0)], deadline: bench.now + .seconds(60), whenUncovered: .report))
        #expect(bench.outcome(3) == nil)
        // Who waits, waits; and gets its answer when the expert is back.
        bench.handle(.submit(TicketID(4), [try tile(0, 1)], deadline: bench.now + .seconds(60)))
        #expect(bench.outcome(4) == nil)
        let back = try bench.join("b", second)
        try bench.answer(try #require(bench.tiles(to: back).first), from: back)
        #expect(try bench.outcome(4)?.get().count == 1)
        // A short absence is nobody's business again.
        bench.handle(.message(back, .goodbye(reason: "")))
        bench.handle(.submit(TicketID(5), [try tile(0, 1)], deadline: bench.now + .seconds(60), whenUncovered: .report))
        bench.advance(.milliseconds(300))
        #expect(bench.outcome(5) == nil)
    }

    @Test func failMeansAtOnceAndNamesTheExperts() throws {
        var bench = DispatchBench(experts: both) {
            $0.onMissingExpert = .fail
            $0.patience = .zero
        }
        try bench.join("a", first)
        bench.handle(.submit(TicketID(1), [try tile(0, 1)], deadline: bench.now + .seconds(60)))
        bench.advance(.zero)
        #expect(throws: DispatchError.expertsLost(second)) { try bench.outcome(1)?.get() }
    }

    @Test func metaOnlyAsksAReplicaOfTheMetaExpertAndSaysSo() throws {
        var bench = DispatchBench(experts: both) {
            $0.onMissingExpert = .metaOnly
            $0.patience = .zero
        }
        let incarnation = Incarnation.random()
        var held = try holdings(first)
        held.metas = [0: try digest(first[0], model: 7)]
        bench.handle(.message(.worker(incarnation), .hello(Hello(incarnation: incarnation, name: "a", held))))
        bench.handle(.submit(TicketID(1), [try metaTile(1), try metaTile(0)], deadline: bench.now + .seconds(60)))
        bench.advance(.zero)
        let tiles = bench.tiles(to: .worker(incarnation))
        #expect(tiles.count == 2 && tiles.filter(\.metaOnly).map(\.expert) == [1])
        for tile in tiles {
            let rows = try matrix(2, 4) { Float($0) }
            bench.handle(
                .message(
                    .worker(incarnation),
                    .tileDone(
                        TileDone(
                            epoch: tile.epoch, tile: tile.tile, attempt: tile.attempt, expertRows: tile.metaOnly ? 0 : 2,
                            computeNanoseconds: 1, payload: try Payload(rows)))))
        }
        let results = try #require(try bench.outcome(1)?.get())
        #expect(results.map(\.degraded) == [true, false] && results.map(\.expertRows) == [0, 2])
        #expect(bench.machine.counters.degradedTiles == 1)
    }

    @Test func aSecondChoiceWithoutItsExpertAddsNothing() throws {
        var bench = DispatchBench(experts: both) {
            $0.onMissingExpert = .metaOnly
            $0.patience = .zero
        }
        try bench.join("a", first)
        bench.handle(.submit(TicketID(1), [try tile(0, 1, rows: 3)], deadline: bench.now + .seconds(60)))
        bench.advance(.zero)
        let result = try #require(try bench.outcome(1)?.get().first)
        #expect(numbers(result.rows) == Array(repeating: 0, count: 12) && result.degraded && result.shares.isEmpty)
    }

    @Test func aWorkerThatClaimsTheExpertForAMetaOnlyTileIsNotBelieved() throws {
        var bench = DispatchBench(experts: both) {
            $0.onMissingExpert = .metaOnly
            $0.patience = .zero
        }
        let incarnation = Incarnation.random()
        var held = try holdings(first)
        held.metas = [0: try digest(first[0], model: 7)]
        bench.handle(.message(.worker(incarnation), .hello(Hello(incarnation: incarnation, name: "a", held))))
        bench.handle(.submit(TicketID(1), [try metaTile(1)], deadline: bench.now + .seconds(1)))
        bench.advance(.zero)
        let sent = try #require(bench.tiles().first)
        try bench.answer(sent, from: .worker(incarnation))
        #expect(bench.machine.counters.refusedTiles == 1)
    }
}
