import Foundation
import Testing

@testable import Language

@Suite struct TokenizerTrainingTests {
    /// A corpus, and what Hugging Face `tokenizers` learns from it (see `Fixtures/training/make_training.py`).
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var texts: [String]
        var size: Int
        /// The characters of the bytes by id from 1 on, in one case.
        var alphabet: String?
        /// Tokens from 257 on.
        var tokens: [String]
        var merges: [String]
        var testDescription: String { name }
    }

    static let cases = (try? Fixtures.decode([Case].self, "training/cases.json")) ?? []

    private static func train(_ texts: [String], _ size: Int) throws -> TrainedTokenizer {
        var words = WordCounts()
        for text in texts { words.add(text) }
        return try BytePairTrainer(vocabularySize: size).train(words)
    }

    @Test func theFixturesAreThere() { #expect(Self.cases.count == 8) }

    @Test(arguments: cases)
    func theReferencesTokensAndMergesAreLearnedInItsOrder(_ known: Case) throws {
        let trained = try Self.train(known.texts, known.size)
        let texts = trained.tokens.indices.map { trained.text(of: $0) }
        #expect(Array(texts.dropFirst(257)) == known.tokens)
        #expect(trained.mergeTexts == known.merges)
        #expect(texts[0] == "<|endoftext|>")
        if let alphabet = known.alphabet { #expect(texts[1..<257].joined() == alphabet) }
        // Whatever order the texts come in, and however they are divided.
        #expect(try Self.train(known.texts.reversed(), known.size).mergeTexts == known.merges)
    }

    @Test func ourLoaderReadsWhatWasLearned() throws {
        let trained = try Self.train(Self.cases[0].texts, 500)
        let folder = try TemporaryFolder()
        try folder.write("tokenizer.json", trained.tokenizerJSON)
        try folder.write("tokenizer_config.json", trained.configurationJSON)
        let tokenizer = try TokenizerLoader.load(directory: folder.url)
        #expect(tokenizer.vocabularySize == trained.tokens.count && tokenizer.vocabularySize > 400)
        #expect(tokenizer.endOfTextID == 0 && tokenizer.beginningOfTextID == 0 && tokenizer.isSpecial(0))
        for (id, bytes) in trained.tokens.enumerated() { #expect(tokenizer.bytes(of: id) == bytes) }
        var hostile = HostileText(seed: 11)
        for text in Self.cases[2].texts + (0..<200).map({ _ in hostile.next() }) {
            #expect(tokenizer.decode(tokenizer.encode(text, recognizing: .none)).utf8.elementsEqual(text.utf8))
        }
        let question = "Is there a pleural effusion in the lung?"
        #expect(tokenizer.encode(question).count < question.utf8.count / 2, "words that it learned are single tokens")
    }

    @Test func theFilesAreWrittenAsTheLibraryWritesThem() throws {
        // A tokeniser that the reference trained and saved: reading it and writing it again changes no byte.
        let original = try String(contentsOf: Fixtures.url("medmoe-tiny/tokenizer.json"), encoding: .utf8)
        let model = try #require(JSONParser.parse(Array(original.utf8))["model"])
        guard case .object(let vocabulary) = model["vocab"], case .array(let merges) = model["merges"] else {
            Issue.record("the fixture has no vocabulary")
            return
        }
        var ids: [String: UInt32] = [:]
        var tokens: [[UInt8]] = []
        for (name, _) in vocabulary {
            ids[name] = UInt32(tokens.count)
            tokens.append(name == "<|endoftext|>" ? Array(name.utf8) : try #require(ByteAlphabet.bytes(of: name)))
        }
        let pairs = try merges.map { merge in
            guard case .string(let text) = merge else { throw CancellationError() }
            let parts = text.split(separator: " ").map(String.init)
            return TokenPair(try #require(ids[parts[0]]), try #require(ids[parts[1]]))
        }
        #expect(pairs.count == tokens.count - 257)
        #expect(TrainedTokenizer(tokens: tokens, merges: pairs).tokenizerJSON.utf8.elementsEqual(original.utf8))
    }

    @Test func aLongWordWithoutBreaksIsLearnedInLinearTime() throws {
        // Quadratic time would take minutes.
        let trained = try Self.train([String(repeating: "ab", count: 500_000)], 280)
        #expect(trained.mergeTexts.prefix(3) == ["a b", "ab ab", "abab abab"])
    }

    @Test func whatCannotBeLearnedIsRefusedWithTheLimits() throws {
        for size in [0, 256, 1 << 21] {
            let error = #expect(throws: TokenizerTrainingError.self) { try BytePairTrainer(vocabularySize: size) }
            #expect(error?.description.contains("\(size)") == true && error?.description.contains("257") == true)
        }
        #expect(throws: TokenizerTrainingError.noWords) { try Self.train([], 300) }
        #expect(throws: TokenizerTrainingError.noWords) { try Self.train(["", ""], 300) }
        #expect(try Self.train(["a"], 300).tokens.count == 257)
    }
}
