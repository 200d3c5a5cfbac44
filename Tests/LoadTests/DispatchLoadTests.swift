import Foundation
import MedMoE
import Synchronization
import Tensors
import Testing

@testable import Load

/// Gives rows back as they are, or an error.
private final class EchoDispatch: ExpertDispatch {
    let tiles = Mutex<[ExpertTile]>([])
    private let failsEvery: Int

    init(failsEvery: Int = .max) { self.failsEvery = failsEvery }

    struct Ticket: DispatchTicket {
        let outcome: Result<[TileResult], DispatchError>
        func results() async throws -> [TileResult] { try outcome.get() }
        func cancel() {}
    }

    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket {
        let count = self.tiles.withLock { all in
            all += tiles
            return all.count
        }
        if count % failsEvery == 0 { return Ticket(outcome: .failure(.overloaded("full"))) }
        return Ticket(outcome: .success(tiles.map {
            TileResult(rows: $0.rows, worker: "w\($0.address.expert % 2)", expertRows: $0.rowCount, computeNanoseconds: 500)
        }))
    }
}

@Suite struct DispatchLoadTests {
    private let experts = Set([0, 2].flatMap { layer in (0..<4).map { ExpertAddress(layer: layer, expert: $0) } })

    private func mix(rows: Int = 3, hot: (expert: Int, share: Double)? = nil, seed: UInt64 = 1) throws -> TileMix {
        try TileMix(experts: experts, rows: rows, width: 8, hasMeta: true, hot: hot, seed: seed)
    }

    @Test("tiles go to all experts of all layers alike, or mostly to the hot one")
    func distribution() throws {
        let even = try mix()
        let tiles = (0..<8000).map { even.tile($0).address }
        #expect(Set(tiles) == experts)
        for address in experts { #expect(abs(Double(tiles.count { $0 == address }) / 1000 - 1) < 0.2) }
        let hot = try mix(hot: (expert: 2, share: 0.7))
        let shares = (0..<8000).map { hot.tile($0).address.expert }
        #expect(abs(Double(shares.count { $0 == 2 }) / 8000 - 0.7) < 0.03)
        #expect(abs(Double(shares.count { $0 == 1 }) / 8000 - 0.1) < 0.02)
    }

    @Test("the same seed gives the same tiles: rows of mean 0 and variance 1, of the width of the model")
    func tiles() throws {
        let (one, same, other) = (try mix(rows: 100), try mix(rows: 100), try mix(rows: 100, seed: 2))
        func values(_ tile: ExpertTile) -> [Float] { tile.rows.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) } }
        #expect(one.tile(5).address == same.tile(5).address && values(one.tile(5)) == values(same.tile(5)))
        #expect(values(one.tile(5)) != values(other.tile(5)) && values(one.tile(5)) != values(one.tile(6)))
        let all = (0..<4).flatMap { values(one.tile($0)) }.map(Double.init)
        let mean = all.reduce(0, +) / Double(all.count)
        let variance = all.reduce(0) { $0 + $1 * $1 } / Double(all.count)
        #expect(abs(mean) < 0.1 && abs(variance - 1) < 0.1)
        #expect(one.tile(0).rows.shape == [100, 8] && one.tile(0).factors.count == 100 && one.tile(0).metaFactors?.count == 100)
    }

    @Test("so many tickets are sent, and told by expert and worker", arguments: [LoadPattern.closed(concurrency: 4), .open(rate: 3000)])
    func counts(pattern: LoadPattern) async throws {
        let dispatch = EchoDispatch()
        let plan = LoadPlan(pattern: pattern, extent: LoadExtent(requests: 200))
        let run = await DispatchLoadGenerator(plan: plan, mix: try mix(), rows: 3, width: 8, dispatch: dispatch, deadline: .seconds(5))()
        #expect(dispatch.tiles.withLock { $0.count } == 200)
        #expect(run.tiles == 200 && run.failed == 0 && run.experts.reduce(0) { $0 + $1.rows } == 600)
        #expect(run.experts.map(\.name) == ["0", "1", "2", "3"] && run.workers.map(\.name) == ["w0", "w1"])
        #expect(run.seconds > 0 && abs(run.rowsPerSecond / run.tilesPerSecond - 3) < 1e-6)
        #expect(abs(run.gigabytesPerSecondThere / (run.rowsPerSecond * 32 / 1e9) - 1) < 1e-6)
        #expect(run.computeShare > 0 && run.computeShare <= 1)
        let report = DispatchLoadReport(pattern: pattern, width: 8, workers: 2, seed: 0, hot: (expert: 1, share: 0.5), runs: [run])
        #expect(try ReportCoding.decode(DispatchLoadReport.self, from: ReportCoding.encode(report)) == report)
    }

    @Test("tickets that fail are counted by kind and not among the tiles")
    func failures() async throws {
        let plan = LoadPlan(pattern: .open(rate: 3000), extent: LoadExtent(requests: 60))
        let run = await DispatchLoadGenerator(
            plan: plan, mix: try mix(), rows: 3, width: 8, dispatch: EchoDispatch(failsEvery: 3), deadline: .seconds(5))()
        #expect(run.tiles == 40 && run.failed == 20 && run.failures.map(\.kind) == ["overloaded"])
    }
}
