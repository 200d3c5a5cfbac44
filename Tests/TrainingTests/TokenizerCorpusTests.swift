import Datasets
import Foundation
import Language
import Testing
import Training

@Suite struct TokenizerCorpusTests {
    private func counted(_ texts: [String]) throws -> [[UInt8]] {
        var words = WordCounts()
        for text in texts { words.add(text) }
        return try BytePairTrainer(vocabularySize: 400).train(words).tokens
    }

    private func tokens(_ corpus: TokenizerCorpus) throws -> [[UInt8]] { try BytePairTrainer(vocabularySize: 400).train(corpus.words).tokens }

    @Test func aQuestionAndItsAnswerAreOneTextAndACaptionStandsAlone() throws {
        var corpus = TokenizerCorpus()
        corpus.add(Conversation(id: "1", image: "a.png", turns: [.init(question: "What is shown?", answer: "a lung"), .init(question: "Where?", answer: "left")]))
        corpus.add(Conversation(id: "2", image: "b.png", turns: [.init(question: "Describe the image.", answer: "Chest radiograph.")], questionType: "caption"))
        #expect(corpus.words.texts == 3)
        #expect(try tokens(corpus) == counted(["What is shown? a lung", "Where? left", "Chest radiograph."]))
    }

    @Test func theTemplatesOwnWordsAreLearnedWithoutAQuestion() throws {
        var corpus = TokenizerCorpus()
        try corpus.addTemplate(.stablelm)
        let system = "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions."
        #expect(try tokens(corpus) == counted([system + " USER: ASSISTANT:"]))
    }

    @Test func eachLineOfATextFileIsATextOfItsOwn() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "corpus-\(UUID().uuidString).txt")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data("one lung\r\ntwo lungs\n\nLast line".utf8).write(to: url)
        var corpus = TokenizerCorpus()
        try corpus.addLines(of: url.path)
        #expect(corpus.words.texts == 4)
        #expect(try tokens(corpus) == counted(["one lung", "two lungs", "", "Last line"]))
        try Data([0x61, 0x0A, 0xFF, 0x0A]).write(to: url)
        #expect(throws: LineFileError.notText(file: url.path, line: 2)) { try corpus.addLines(of: url.path) }
    }
}
