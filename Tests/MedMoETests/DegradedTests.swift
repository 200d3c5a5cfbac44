import CKernels
import Checkpoints
import Foundation
import ModelFixtures
import Tensors
import Testing

@testable import MedMoE

/// Answers that are made without an expert.
@Suite struct DegradedTests {
    @Test func aTileWithoutItsExpertIsTheMetaExpertTimesItsFactor() throws {
        let fixture = ModelFixture.stableLM
        let folder = try CheckpointFolder(path: fixture.checkpoint.path)
        let configuration = try MedMoEModel(folder: folder).configuration
        // A bank without any domain expert can do it.
        let bank = try ExpertBank(source: folder.model, configuration: configuration, experts: [])
        let context = try ComputeContext(engine: .rowKernel, threads: 1)
        var random = SeededRandom(seed: 5)
        let h = Rows(count: 7, width: configuration.hiddenSize)
        for index in 0..<h.elementCount { h.pointer[index] = Float.random(in: -2...2, using: &random) }
        let factors = (0..<7).map { _ in Float.random(in: 0...1, using: &random) }
        var tile = ExpertTile(
            address: ExpertAddress(layer: 2, expert: 3), rows: try h.tensor(), factors: factors.map { $0 / 2 }, metaFactors: factors)
        #expect(throws: DispatchError.self) { try bank.compute(tile, context) }
        tile.metaOnly = true
        let y = try bank.compute(tile, context)
        let meta = try FeedForward(
            WeightReader(source: folder.model, hint: ""), prefix: "model.layers.2.mlp.meta_moe", configuration: configuration)(h, context)
        for row in 0..<7 {
            for column in 0..<y.width { #expect(y.row(row)[column] == factors[row] * meta.row(row)[column]) }
        }
        let none = ExpertTile(address: tile.address, rows: tile.rows, factors: factors, metaFactors: nil)
        var second = none
        second.metaOnly = true
        #expect(throws: DispatchError.self) { try bank.compute(second, context) }
    }

    private func engine(_ fixture: ModelFixture, missing: Int) throws -> InferenceEngine {
        let folder = try CheckpointFolder(path: fixture.checkpoint.path)
        let model = try MedMoEModel(folder: folder)
        let bank = try ExpertBank(source: folder.model, configuration: model.configuration)
        return try fixture.engine(dispatch: { MetaOnlyDispatch(bank: bank, context: $0, missing: missing) })
    }

    @Test(arguments: [ModelFixture.stableLM, .phi, .stableLMTop2])
    func answersWithoutAnExpertAreMarked(fixture: ModelFixture) async throws {
        let request = try fixture.request(0)
        let whole = try await fixture.engine().finished(request).summary
        let missing = try #require(whole.routing.first).expert
        let summary = try await engine(fixture, missing: missing).finished(request).summary
        #expect(summary.degraded)
        #expect(!whole.degraded)
        // Nobody is said to have computed the missing expert; all rows are accounted for all the same.
        for entry in summary.routing {
            #expect(entry.expert == missing ? entry.worker == "local (meta only)" || entry.worker == "(nobody)" : entry.worker == "local")
        }
        let choices = fixture == .stableLMTop2 ? 2 : 1
        let fed = summary.promptTokens + summary.tokenIDs.count - (summary.finish == .end ? 0 : 1)
        for layer in Set(summary.routing.map(\.layer)) {
            #expect(summary.routing.filter { $0.layer == layer }.reduce(0) { $0 + $1.tokens } == choices * fed)
        }
        if fixture == .stableLMTop2 { #expect(summary.routing.contains { $0.worker == "(nobody)" }) }

        let labels = AnswerRequest(id: "c", task: .classify([.init(.user, "What?")], labels: ["yes", "no"]), images: request.images)
        #expect(try await engine(fixture, missing: missing).finished(labels).summary.degraded)
        #expect(try await fixture.engine().finished(labels).summary.degraded == false)
    }

    @Test func onlyTheRequestsWhoseRowsAreConcernedAreMarked() async throws {
        let fixture = ModelFixture.stableLM
        let whole = try fixture.engine()
        var asked: [(request: AnswerRequest, experts: Set<Int>)] = []
        for text in ["a", "b", "the", "is", "chest", "why", "image", "x"] {
            let request = AnswerRequest(id: text, task: .prompt(text), maximumTokens: 1)
            asked.append((request, Set(try await whole.finished(request).summary.routing.map(\.expert))))
        }
        let missing = try #require((0..<4).first { expert in
            asked.contains { $0.experts.contains(expert) } && asked.contains { !$0.experts.contains(expert) }
        })
        let engine = try engine(fixture, missing: missing)
        try await withThrowingTaskGroup(of: (degraded: Bool, needed: Bool).self) { group in
            for (request, experts) in asked {
                group.addTask { (try await engine.finished(request).summary.degraded, experts.contains(missing)) }
            }
            for try await (degraded, needed) in group { #expect(degraded == needed) }
        }
    }

    @Test func aLongWorkerNameStillFitsItsFieldWithTheAddition() {
        let name = String(repeating: "é", count: 64)
        let tile = RoutedTile(layer: 0, expert: 0, worker: name, rows: [0], degraded: true)
        #expect(tile.tallyName.utf8.count <= 128 && tile.tallyName.hasSuffix("(meta only)"))
    }
}

/// Experts of this process, one of which is missing in every layer: the meta expert stands in.
private final class MetaOnlyDispatch: ExpertDispatch, @unchecked Sendable {
    private let bank: ExpertBank
    private let context: ComputeContext
    private let missing: Int

    init(bank: ExpertBank, context: ComputeContext, missing: Int) {
        self.bank = bank
        self.context = context
        self.missing = missing
    }

    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket {
        FinishedTicket(outcome: Result { try tiles.map(compute) })
    }

    private func compute(_ tile: ExpertTile) throws -> TileResult {
        guard tile.address.expert == missing else {
            return TileResult(rows: try bank.compute(tile, context).tensor(), worker: "local", expertRows: tile.rowCount, computeNanoseconds: 1)
        }
        guard tile.metaFactors != nil else {
            let zeros = Rows(count: tile.rowCount, width: bank.width)
            zeros.buffer.update(repeating: 0)
            return TileResult(rows: try zeros.tensor(), shares: [], expertRows: 0, degraded: true)
        }
        var alone = tile
        alone.metaOnly = true
        let rows = try bank.compute(alone, context).tensor()
        return TileResult(
            rows: rows, shares: [.init(worker: "local", rows: tile.rowCount, computeNanoseconds: 1)], expertRows: 0, degraded: true)
    }
}
