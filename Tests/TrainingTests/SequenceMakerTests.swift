import Checkpoints
import Datasets
import Foundation
import Language
import ModelFixtures
import Testing

@testable import Training

/// Conversations as tokens with their targets.
struct SequenceMakerTests {
    private func maker(_ form: SequenceMaker.Form, _ model: ModelFixture = .stableLM, lowerCase: Bool = false) throws -> SequenceMaker {
        let learnable = try LearnableModel(folder: CheckpointFolder(path: model.checkpoint.path))
        return SequenceMaker(
            tokenizer: learnable.tokenizer, template: learnable.template, endToken: learnable.endToken, form: form,
            lowerCasesAnswers: lowerCase)
    }

    private func conversation(_ turns: [(String, String)], questionType: String? = nil) -> Conversation {
        Conversation(
            id: "x", image: "a.png", turns: turns.map { Conversation.Turn(question: $0.0, answer: $0.1) }, questionType: questionType)
    }

    @Test("a question with its answer gives the tokens and targets of the public code", arguments: [ModelFixture.stableLM, .phi])
    func tokensAreThePublicCodes(model: ModelFixture) throws {
        let golden = try GoldenStep(model).sequence()
        let question = try #require(try model.manifest().prompts.first?.question)
        let sequence = try maker(.instruction, model).sequence(conversation([(question, "yes, in the left lung.")]), image: 0)
        #expect(sequence == golden)
        #expect(sequence.rows(rowsPerImage: 16) == golden.tokens.count + 15)
    }

    @Test("in every turn the answer and the end token behind it are targets, and nothing else")
    func answersOfEveryTurnAreTargets() throws {
        let maker = try maker(.instruction)
        let sequence = try maker.sequence(conversation([("Is it a CT?", "Yes"), ("Of what?", "The Chest")]), image: 3)
        #expect(sequence.image == 3 && sequence.tokens.count { $0 == TrainingSequence.imageMarker } == 1)
        let targets: [Int] = sequence.tokens.indices.filter { sequence.isTarget[$0] }.map { sequence.tokens[$0] }
        var expected: [Int] = maker.tokenizer.encode(" Yes") + [maker.endToken]
        expected += maker.tokenizer.encode(" The Chest") + [maker.endToken]
        #expect(targets == expected)
        let text = maker.tokenizer.decode(sequence.tokens.filter { $0 != TrainingSequence.imageMarker })
        #expect(text.contains("Is it a CT? ASSISTANT: Yes<|endoftext|>USER: Of what? ASSISTANT: The Chest<|endoftext|>"), "\(text)")
        // The gate sees the prompt of the first question, and no answer.
        let prompt = try maker.prompt(conversation([("Is it a CT?", "Yes"), ("Of what?", "The Chest")]), image: 3)
        #expect(prompt.targetCount == 0 && prompt.tokens == Array(sequence.tokens.prefix(prompt.tokens.count)))
        #expect(prompt.tokens.count == sequence.isTarget.firstIndex(of: true))
    }

    @Test("answers, but no questions, are put in lower case on demand")
    func answersAreLowerCased() throws {
        let maker = try maker(.instruction, lowerCase: true)
        let sequence = try maker.sequence(conversation([("Is it a CT?", "YES")]), image: 0)
        let text = maker.tokenizer.decode(sequence.tokens.filter { $0 != TrainingSequence.imageMarker })
        #expect(text.hasSuffix("Is it a CT? ASSISTANT: yes<|endoftext|>"))
    }

    @Test("a caption is the image, then the caption and a line break, in its own case; all of the text is predicted", arguments: [false, true])
    func captionsArePlain(lowerCase: Bool) throws {
        let maker = try maker(.caption, lowerCase: lowerCase)
        let sequence = try maker.sequence(conversation([("Describe it.", "A chest X-ray.")], questionType: "caption"), image: 1)
        #expect(sequence.tokens == [TrainingSequence.imageMarker] + maker.tokenizer.encode("A chest X-ray.\n"))
        #expect(sequence.isTarget == [false] + Array(repeating: true, count: sequence.tokens.count - 1))
    }

    @Test("as text, a conversation has no image, and all but its first token is predicted")
    func textHasNoImage() throws {
        let maker = try maker(.text)
        let sequence = try maker.sequence(conversation([("Is it a CT?", "Yes")]), image: 1)
        #expect(sequence.image == nil && sequence.rows(rowsPerImage: 16) == sequence.tokens.count)
        #expect(maker.tokenizer.decode(sequence.tokens) == "Is it a CT? ASSISTANT: Yes<|endoftext|>")
        #expect(sequence.isTarget == [false] + Array(repeating: true, count: sequence.tokens.count - 1))
        let lower = try self.maker(.text, lowerCase: true)
        #expect(lower.tokenizer.decode(try lower.sequence(conversation([("Is it a CT?", "Yes")]), image: 1).tokens) == "Is it a CT? ASSISTANT: yes<|endoftext|>")
        // Captions keep their case: they are written in one way in all steps.
        for maker in [maker, lower] {
            let caption = try maker.sequence(conversation([("Describe it.", "A chest.")], questionType: "caption"), image: nil)
            #expect(maker.tokenizer.decode(caption.tokens) == "A chest.<|endoftext|>")
        }
    }

    @Test("packed sequences share their beginning; each target stands at the row before it")
    func packedTargetsStandAtTheRowBefore() {
        let image = TrainingSequence.imageMarker
        let batch = PackedBatch(
            [
                TrainingSequence(tokens: [1, 2, image, 3, 4], image: 8, isTarget: [false, false, false, true, true]),
                TrainingSequence(tokens: [1, 2, 7, image, 5], image: 8, isTarget: [false, false, true, false, true]),
                TrainingSequence(tokens: [1, 2, image, 6], image: 9, isTarget: [false, false, false, true]),
            ], rowsPerImage: 3)
        // Rows: 1 2 | i i i 3 4 | 7 i i i 5 | i i i 6
        #expect(batch.layout.prefix == 2 && batch.layout.sequences == [2..<7, 7..<12, 12..<16] && batch.layout.rows == 16)
        #expect(batch.images == [8, 9])
        #expect(batch.imageRows.map(\.row) == [2, 8, 12] && batch.imageRows.map(\.image) == [0, 0, 1])
        let targets = [(4, 3), (5, 4), (1, 7), (10, 5), (14, 6)].map { PackedBatch.Target(row: $0.0, token: $0.1) }
        #expect(batch.targets == targets)
        let tokens = [(0, 1), (1, 2), (5, 3), (6, 4), (7, 7), (11, 5), (15, 6)].map { PackedBatch.Target(row: $0.0, token: $0.1) }
        #expect(batch.tokens == tokens)
    }
}
