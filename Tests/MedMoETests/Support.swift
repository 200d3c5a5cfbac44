import Checkpoints
import Foundation
import ModelFixtures
import Tensors

@testable import MedMoE

/// SplitMix64: the same numbers everywhere.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension ModelFixture {
    /// The fixture's model in this process.
    func engine(
        gemm: GEMMEngine = .automatic, threads: Int = 2, rowsPerStep: Int = 256, maximumRunning: Int = 16, maximumWaiting: Int = 256,
        dispatch: InferenceEngine.DispatchFactory? = nil
    ) throws -> InferenceEngine {
        let folder = try CheckpointFolder(path: checkpoint.path)
        let model = try MedMoEModel(folder: folder)
        let bank = try ExpertBank(source: folder.model, configuration: model.configuration)
        return InferenceEngine(
            model: model,
            options: EngineOptions(
                gemm: gemm, threads: threads, rowsPerStep: rowsPerStep, maximumRunning: maximumRunning, maximumWaiting: maximumWaiting),
            dispatch: dispatch ?? { LocalExpertDispatch(bank: bank, context: $0) })
    }

    func imageBytes(_ prompt: Int) throws -> [UInt8] { [UInt8](try Data(contentsOf: image(prompt))) }

    /// A request for one of the fixture's prompts.
    func request(_ prompt: Int, id: String = "request", tokens: Int = 12) throws -> AnswerRequest {
        AnswerRequest(
            id: id, task: .prompt(try manifest().prompts[prompt].prompt), images: [try imageBytes(prompt)], maximumTokens: tokens)
    }
}

extension AnswerEngine {
    /// The end of an answer, and the text that was streamed.
    func finished(_ request: AnswerRequest) async throws -> (summary: AnswerSummary, streamed: String) {
        var text = ""
        for try await event in answer(request) {
            switch event {
            case .token(_, let piece): text += piece
            case .done(let summary): return (summary, text)
            }
        }
        throw AnswerError(.internal, "no summary came")
    }
}

/// Waits until `condition` holds, but not for ever.
func eventually(within limit: Duration = .seconds(20), _ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now.advanced(by: limit)
    while ContinuousClock.now < end {
        if await condition() { return true }
        await Task.yield()
    }
    return await condition()
}
