import Checkpoints
import Datasets
import Foundation
import ModelFixtures
import Testing

@testable import Evaluation

@Suite struct LibraryCallTests {
    @Test("A checkpoint is evaluated without the program, with the public code's tokens", arguments: [ModelFixture.stableLM, .phi])
    func aCheckpointIsEvaluated(fixture: ModelFixture) async throws {
        let prompts = try fixture.manifest().prompts
        let conversations = prompts.enumerated().map { index, prompt in
            Conversation(
                id: "\(index)", image: fixture.image(index).lastPathComponent, turns: [.init(question: prompt.question, answer: prompt.greedyText)],
                answerType: .closed, modality: index == 0 ? "CT" : "MRI", entry: index)
        }
        let questioner = try Questioner(checkpoint: CheckpointFolder(path: fixture.checkpoint.path), threads: 2)
        let evaluation = ModelEvaluation(
            questioner: questioner, images: ImageFolder(path: fixture.folder.path), maximumTokens: prompts.map(\.greedyTokens.count).max() ?? 0)
        let outcome = try await evaluation.run(name: "fixture", conversations: conversations, training: conversations)
        #expect(!prompts.isEmpty && outcome.summaries.map(\.tokenIDs) == prompts.map(\.greedyTokens))
        // The reference keeps its blanks, the prediction loses those around it.
        let stripped = prompts.map { PythonStrings.stripped($0.greedyText) == $0.greedyText }
        #expect(outcome.answers.map(\.score.closedCorrect) == stripped)
        #expect(outcome.report.byModality.keys.sorted() == ["CT", "MRI"].prefix(prompts.count).map { $0 })
        #expect(outcome.report.baselines?.questionOnly.table.closedAccuracy?.n == prompts.count)
    }
}
