import Foundation
import Testing

@testable import Language

@Suite struct ReferenceParityTests {
    @Test func theGeneratorMakesTheSameStringsAsTheReferenceScript() throws {
        let expected = try Fixtures.decode(Fixtures.Expectations.self, "expectations.json").strings
        var text = HostileText(seed: 1000)
        for (block, hash) in expected.enumerated() {
            var fnv = FNV()
            for _ in 0..<100 {
                fnv.add(text.next())
                fnv.add(id: .max)
            }
            #expect(fnv.hexadecimal == hash, "block \(block)")
        }
    }

    @Test(arguments: Fixtures.names)
    func tenThousandHostileStringsGetTheIdsOfTheReference(name: String) throws {
        let expected = try #require(try Fixtures.decode(Fixtures.Expectations.self, "expectations.json").tokenizers[name])
        let tokenizer = try Fixtures.tokenizer(name)
        #expect(tokenizer.vocabularySize == expected.size)
        #expect(expected.encode.count == 100)
        var text = HostileText(seed: 1000 + UInt64(try #require(Fixtures.names.firstIndex(of: name))))
        for (block, hash) in expected.encode.enumerated() {
            var fnv = FNV()
            for _ in 0..<100 {
                for id in tokenizer.encode(text.next()) { fnv.add(id: UInt32(id)) }
                fnv.add(id: .max)
            }
            #expect(fnv.hexadecimal == hash, "block \(block)")
        }
    }

    @Test(arguments: Fixtures.names)
    func randomIdsDecodeAsInTheReferenceAtOnceAndStreamed(name: String) throws {
        let expected = try #require(try Fixtures.decode(Fixtures.Expectations.self, "expectations.json").tokenizers[name])
        let tokenizer = try Fixtures.tokenizer(name)
        var random = HostileText(seed: 2000 + UInt64(try #require(Fixtures.names.firstIndex(of: name))))
        for (block, hash) in expected.decode.enumerated() {
            var fnv = FNV()
            for number in 0..<100 {
                let ids = (0..<random.below(24)).map { _ in random.below(3) > 0 ? random.below(256) : random.below(expected.size + 3) }
                let skipping = number % 2 == 1
                let text = tokenizer.decode(ids, skippingSpecial: skipping)
                fnv.add(text)
                fnv.add(id: .max)
                var decoder = StreamingDecoder(tokenizer: tokenizer, skippingSpecial: skipping)
                let streamed = ids.map { decoder.push($0) }.joined() + decoder.finish()
                #expect(streamed.utf8.elementsEqual(text.utf8))
            }
            #expect(fnv.hexadecimal == hash, "block \(block)")
        }
    }

    @Test(arguments: Fixtures.names)
    func decodingWhatWasEncodedGivesTheNormalizedText(name: String) throws {
        // Tokens that swallow white space lose it.
        guard name != "everything" else { return }
        let tokenizer = try Fixtures.tokenizer(name)
        var text = HostileText(seed: 3)
        for _ in 0..<500 {
            var original = text.next()
            let normalized = original.withUTF8 { tokenizer.composition?.composed($0) } ?? Array(original.utf8)
            #expect(tokenizer.decode(tokenizer.encode(original, recognizing: .none)).utf8.elementsEqual(normalized))
        }
    }

    struct Prompt: Decodable {
        let model: String
        let template: String
        let question: String
        let prompt: String
        let ids: [Int]
        let answer_ids: [Int]
        let answer: String
    }

    @Test func fixturePromptsAreWrittenAndTokenizedAsByThePublicCode() throws {
        let encoder = PromptEncoder(tokenizer: try Fixtures.tokenizer("tiny"))
        let prompts = try Fixtures.decode([Prompt].self, "prompts.json")
        #expect(prompts.count == 6)
        for prompt in prompts {
            let template = try #require(ConversationTemplate(rawValue: prompt.template))
            let turns = [ConversationTurn(.user, prompt.question)]
            #expect(try template.text(for: turns, imageCount: 1) == prompt.prompt)
            let segments = try encoder.segments(of: turns, template: template, imageCount: 1)
            #expect(try encoder.segments(ofPrompt: prompt.prompt, imageCount: 1) == segments)
            let ids = segments.flatMap { segment in
                switch segment {
                case .tokens(let ids): ids
                case .image: [-200]
                }
            }
            #expect(ids == prompt.ids)
            #expect(encoder.tokenizer.decode(prompt.answer_ids, skippingSpecial: true) == prompt.answer)
        }
    }
}
