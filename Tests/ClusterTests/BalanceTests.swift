import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

@Suite struct BalanceTests {
    private let one = addresses(layers: 0..<1, experts: [0])

    /// Sends tiles one after the other, a few at a time, to workers that need so many milliseconds for each.
    ///
    /// - Returns: tiles that each worker computed.
    private func run(_ pace: [String: Int], tiles: Int, together: Int) throws -> (done: [String: Int], bench: DispatchBench) {
        var bench = DispatchBench(experts: one)
        var peers: [PeerIdentity: String] = [:]
        for name in pace.keys.sorted() { peers[try bench.join(name, one)] = name }
        var free: [PeerIdentity: Moment] = [:]
        var pending: [(at: Moment, peer: PeerIdentity, tile: Tile)] = []
        var done: [String: Int] = [:]
        var next = 0
        var open = 0
        var seen = 0
        while next < tiles || open > 0 {
            while open < together, next < tiles {
                bench.handle(.submit(TicketID(UInt64(next)), [try tile(0, 0)], deadline: bench.now + .seconds(600)))
                next += 1
                open += 1
            }
            for (peer, message) in bench.sent[seen...] {
                guard case .tile(let tile) = message, let name = peers[peer] else { continue }
                let start = max(bench.now, free[peer] ?? bench.now)
                free[peer] = start + .milliseconds(pace[name] ?? 1)
                pending.append((start + .milliseconds(pace[name] ?? 1), peer, tile))
            }
            seen = bench.sent.count
            let wake = bench.machine.nextWake
            guard let first = pending.indices.min(by: { pending[$0].at < pending[$1].at }) else { break }
            if let wake, wake < pending[first].at {
                bench.now = max(bench.now, wake)
                bench.handle(.tick)
                continue
            }
            let (at, peer, tile) = pending.remove(at: first)
            bench.now = max(bench.now, at)
            let before = bench.finished.count
            try bench.answer(tile, from: peer)
            if bench.finished.count > before { open -= 1 }
            done[peers[peer] ?? "", default: 0] += 1
        }
        #expect(bench.finished.count == tiles)
        return (done, bench)
    }

    @Test func equalWorkersGetEqualShares() throws {
        let (done, _) = try run(["a": 4, "b": 4, "c": 4], tiles: 600, together: 6)
        for name in ["a", "b", "c"] { #expect((170...230).contains(done[name] ?? 0), "\(done)") }
    }

    @Test func aReplicaThatIsALittleSlowerIsNotForgotten() throws {
        // One tile at a time: whoever is idle could always take it.
        let (done, _) = try run(["a": 10, "b": 13], tiles: 600, together: 1)
        #expect((done["a"] ?? 0) > (done["b"] ?? 0) && (done["b"] ?? 0) > 180, "\(done)")
    }

    @Test func aWorkerThatNeedsTwentyTimesAsLongGetsLittle() throws {
        let (done, bench) = try run(["fast": 2, "slow": 40], tiles: 1000, together: 4)
        // An even share of the time would be one in twenty-one.
        #expect((done["slow"] ?? 0) < 90, "\(done)")
        #expect(bench.machine.status(now: bench.now).workers.first { $0.name == "slow" }.map { $0.pace > 5 } ?? false)
    }

    @Test func aWorkerThatIsFastAgainIsUsedAgain() throws {
        var times = ServiceTimes()
        let now = Moment.now
        for _ in 0..<20 { times.record(rows: 1, seconds: 1, now: now) }
        #expect(times.seconds(rows: 1, now: now) ?? 0 > 0.9)
        // Nobody asked it for a while: whatever it was, it deserves a try.
        #expect(times.seconds(rows: 1, now: now + .seconds(6)) == nil)
    }

    @Test func coldStartsSayNothing() throws {
        var times = ServiceTimes()
        let now = Moment.now
        for seconds in [0.5, 0.4, 0.001] { times.record(rows: 1, seconds: seconds, now: now) }
        #expect(times.seconds(rows: 1, now: now) == nil)
        times.record(rows: 1, seconds: 0.3, now: now)
        #expect(times.seconds(rows: 1, now: now) == 0.001)
    }

    @Test func oneHiccupIsNotAHabit() throws {
        var times = ServiceTimes()
        let now = Moment.now
        for _ in 0..<20 { times.record(rows: 4, seconds: 0.002, now: now) }
        times.record(rows: 4, seconds: 3, now: now)
        // Not so much that it gets nothing beside a replica that had none.
        #expect(times.seconds(rows: 4, now: now) ?? 1 < 0.002 * ReplicaRank.nearlyAsSoon)
    }

    @Test func unknownSizesAreJudgedByTheNearestKnownOne() throws {
        var times = ServiceTimes()
        let now = Moment.now
        #expect(times.seconds(rows: 7, now: now) == nil)
        for _ in 0..<4 { times.record(rows: 16, seconds: 0.01, now: now) }
        #expect(times.seconds(rows: 16, now: now) == 0.01)
        #expect(times.seconds(rows: 1, now: now) == 0.01)
        #expect(times.seconds(rows: 64, now: now) == 0.04)
        #expect(ServiceTimes.sizeClass(1) == 0 && ServiceTimes.sizeClass(2) == 1 && ServiceTimes.sizeClass(3) == 2)
        #expect(ServiceTimes.sizeClass(4) == 2 && ServiceTimes.sizeClass(5) == 3 && ServiceTimes.sizeClass(256) == 8)
    }

    @Test func aLargeTileIsSplitAmongReplicasAndPutTogetherInOrder() throws {
        var bench = DispatchBench(experts: addresses(layers: 0..<1, experts: [0, 1])) { $0.fewestRowsOfPart = 4 }
        let peers = try ["a", "b", "c"].map { try bench.join($0, one) }
        try bench.join("other", addresses(layers: 0..<1, experts: [1]))
        bench.handle(.submit(TicketID(1), [try tile(0, 0, rows: 23), try tile(0, 1, rows: 2)], deadline: bench.now + .seconds(5)))
        #expect(peers.allSatisfy { bench.tiles(to: $0).count == 1 })
        let parts = bench.sent.compactMap { sent in if case .tile(let tile) = sent.message { (sent.peer, tile) } else { nil } }
        #expect(parts.map(\.1.payload.rows).reduce(0, +) == 25)
        for (peer, part) in parts.reversed() {
            // Echo: the rows themselves.
            try bench.answer(part, from: peer, with: part.payload.tensor())
        }
        let results = try #require(try bench.outcome(1)?.get())
        let whole = try tile(0, 0, rows: 23)
        #expect(numbers(results[0].rows) == numbers(whole.rows))
        #expect(results[0].shares.map(\.rows).reduce(0, +) == 23 && results[0].shares.count == 3)
        // Who computed which rows, whatever came first.
        #expect(results[0].shares.map(\.worker) == parts.filter { $0.1.expert == 0 }.compactMap { bench.machine.workers[$0.0]?.name })
        #expect(results[0].expertRows == 23 && results[1].shares.map(\.worker) == ["other"])
    }

    @Test func tilesThatKeepEverybodyBusyStayWhole() throws {
        let experts = addresses(layers: 0..<1, experts: [0, 1, 2, 3])
        var bench = DispatchBench(experts: experts) { $0.fewestRowsOfPart = 4 }
        try bench.join("a", experts)
        try bench.join("b", experts)
        bench.handle(.submit(TicketID(1), try (0..<4).map { try tile(0, $0, rows: 16) }, deadline: bench.now + .seconds(5)))
        #expect(bench.tiles().count == 4)
    }

    @Test func aTileIsNotSplitAmongReplicasThatAreBusy() throws {
        var bench = DispatchBench(experts: one) { $0.fewestRowsOfPart = 4 }
        let peers = try ["a", "b", "c", "d"].map { try bench.join($0, one) }
        // Two have work, two have none.
        for ticket in 1...2 { bench.handle(.submit(TicketID(UInt64(ticket)), [try tile(0, 0, rows: 3)], deadline: bench.now + .seconds(5))) }
        #expect(bench.tiles().map(\.payload.rows) == [3, 3])
        bench.handle(.submit(TicketID(3), [try tile(0, 0, rows: 32)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles().map(\.payload.rows) == [3, 3, 16, 16])
        // All have work.
        bench.handle(.submit(TicketID(4), [try tile(0, 0, rows: 32)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles().map(\.payload.rows) == [3, 3, 16, 16, 32])
        #expect(peers.allSatisfy { bench.machine.workers[$0]?.owed.isEmpty == false })
    }

    @Test func tilesAreNotSplitWhenRowsDependOnTheirNeighbours() throws {
        var bench = DispatchBench(experts: one) { $0.fewestRowsOfPart = 4 }
        for name in ["a", "b"] {
            let incarnation = Incarnation.random()
            var hello = Hello(incarnation: incarnation, name: name, try holdings(one))
            hello.rowsAreIndependent = name == "a"
            bench.handle(.message(.worker(incarnation), .hello(hello)))
        }
        bench.handle(.submit(TicketID(1), [try tile(0, 0, rows: 32)], deadline: bench.now + .seconds(5)))
        #expect(bench.tiles().map(\.payload.rows) == [32])
    }

    @Test func aWorkerWhoseRepliesAreWrongAgainAndAgainGetsAPause() throws {
        var bench = DispatchBench(experts: one)
        let bad = try bench.join("bad", one)
        let good = try bench.join("good", one)
        var given = 0
        for ticket in 0..<200 {
            bench.handle(.submit(TicketID(UInt64(ticket)), [try tile(0, 0)], deadline: bench.now + .seconds(60)))
            bench.now += .milliseconds(1)
            if let tile = bench.tiles(to: bad).last, bench.machine.workers[bad]?.owed[tile.tile] != nil {
                given += 1
                try bench.answer(tile, from: bad, with: matrix(1, 4) { _ in .nan })
            }
            bench.now += .milliseconds(1)
            let tile = try #require(bench.tiles(to: good).last)
            try bench.answer(tile, from: good)
            bench.beat(bad, good)
            bench.advance(.milliseconds(10))
        }
        #expect(bench.finished.count == 200 && bench.finished.values.allSatisfy { $0.count == 1 })
        #expect((3...8).contains(given), "\(given)")
    }
}
