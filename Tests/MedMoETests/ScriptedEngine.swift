import Checkpoints
import Foundation
import ModelFixtures
import Synchronization
import Testing

@testable import MedMoE

/// An engine whose experts follow a script.
final class ScriptedEngine: Sendable {
    let engine: InferenceEngine
    private let made: Made
    var dispatch: ScriptedDispatch {
        get throws { try #require(made.dispatch.withLock { $0 }) }
    }

    private final class Made: Sendable {
        let dispatch = Mutex<ScriptedDispatch?>(nil)
    }

    init(
        checkpoint: String = ModelFixture.stableLM.checkpoint.path, script: ScriptedDispatch.Script = .init(), seed: UInt64 = 0, lanes: Int = 1,
        rowsPerStep: Int = 256, maximumRunning: Int = 16
    ) async throws {
        let folder = try CheckpointFolder(path: checkpoint)
        let model = try MedMoEModel(folder: folder)
        let bank = try ExpertBank(source: folder.model, configuration: model.configuration)
        let made = Made()
        self.made = made
        engine = InferenceEngine(
            model: model,
            options: EngineOptions(threads: 1, rowsPerStep: rowsPerStep, maximumRunning: maximumRunning, lanes: lanes),
            dispatch: { context in
                let dispatch = ScriptedDispatch(LocalExpertDispatch(bank: bank, context: context), script: script, seed: seed)
                made.dispatch.withLock { $0 = dispatch }
                return dispatch
            })
        // The dispatch is made when it is needed first.
        _ = try await engine.computeSummary()
    }

    /// Two short questions and an expert that only the first one needs.
    static func needing() async throws -> (needs: AnswerRequest, other: AnswerRequest, expert: ExpertAddress) {
        let engine = try ModelFixture.stableLM.engine(threads: 1)
        var known: [(request: AnswerRequest, experts: Set<ExpertAddress>)] = []
        for text in ["a", "b", "the", "is", "chest", "why", "image", "x", "left", "where", "no", "heart"] {
            let request = AnswerRequest(id: text, task: .prompt(text), maximumTokens: 3)
            let routing = try await engine.finished(request).summary.routing
            let mine = Set(routing.map { ExpertAddress(layer: $0.layer, expert: $0.expert) })
            for other in known {
                if let expert = mine.subtracting(other.experts).min() { return (request, other.request, expert) }
                if let expert = other.experts.subtracting(mine).min() { return (other.request, request, expert) }
            }
            known.append((request, mine))
        }
        throw AnswerError(.internal, "all questions need all experts: choose others")
    }
}
