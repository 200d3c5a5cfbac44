import Foundation
import Testing

@testable import Language

@Suite struct EncodingTests {
    @Test func longRunsAreEncodedInTime() throws {
        // Quadratic work on any of these would take minutes.
        let blanks = String(repeating: " ", count: 100_000)
        let letters = String(repeating: "a", count: 100_000)
        let texts = [
            "gpt2": [blanks, letters, String(repeating: "the", count: 30_000), String(repeating: "'", count: 50_000)],
            "codegen": [blanks, String(repeating: "\t", count: 50_000)],
            "arcade100k": [letters, String(repeating: "\n ", count: 30_000), String(repeating: "\u{3000}", count: 30_000) + "x"],
            "everything": [String(repeating: " <mask>", count: 10_000), String(repeating: "<|", count: 30_000)],
        ]
        for (name, texts) in texts {
            let tokenizer = try Fixtures.tokenizer(name)
            for text in texts { #expect(!tokenizer.encode(text).isEmpty) }
        }
    }

    @Test func longPiecesMergeAsShortOnesDo() throws {
        // The scan and the heap are two programs for one rule.
        let tokenizer = try Fixtures.tokenizer("gpt2")
        var random = HostileText(seed: 9)
        for _ in 0..<300 {
            let bytes = (0..<(48 + random.below(40))).map { _ in UInt8(97 + random.below(6)) }
            var merger = BytePairMerger()
            var merged: [Int] = []
            bytes.withUnsafeBufferPointer {
                merger.encode($0, byteIDs: tokenizer.model.byteIDs, merges: tokenizer.model.merges, into: &merged)
            }
            var ids = bytes.map { tokenizer.model.byteIDs[Int($0)] }
            while let (index, rule) = bestRule(ids, tokenizer.model.merges) {
                ids.replaceSubrange(index...(index + 1), with: [UInt32(truncatingIfNeeded: rule)])
            }
            #expect(merged == ids.map(Int.init))
        }
    }

    private func bestRule(_ ids: [UInt32], _ merges: MergeTable) -> (Int, UInt64)? {
        var best: (Int, UInt64)?
        for index in ids.indices.dropLast() {
            if let rule = merges.rule(ids[index], ids[index + 1]), rule >> 32 < (best.map { $0.1 >> 32 } ?? .max) { best = (index, rule) }
        }
        return best
    }

    @Test func addedTokensAreFoundOrTakenAsTextOnRequest() throws {
        let tokenizer = try Fixtures.tokenizer("codegen")
        let end = try #require(tokenizer.endOfTextID)
        let blanks = try #require(tokenizer.addedTokens.first { $0.content == "   " })
        #expect(tokenizer.encode("<|endoftext|>   ") == [end, blanks.id])
        #expect(tokenizer.encode("<|endoftext|>   ", recognizing: .ordinary).last == blanks.id)
        #expect(!tokenizer.encode("<|endoftext|>   ", recognizing: .ordinary).contains(end))
        #expect(!tokenizer.encode("<|endoftext|>   ", recognizing: .none).contains(blanks.id))
        #expect(tokenizer.decode([end, blanks.id]) == "<|endoftext|>   ")
        #expect(tokenizer.decode([end, blanks.id], skippingSpecial: true) == "   ")
    }

    @Test func tokensAreFoundByTextAndById() throws {
        let tokenizer = try Fixtures.tokenizer("arcade100k")
        #expect(tokenizer.endOfTextID == 100_257)
        #expect(tokenizer.id(of: "<|extra0|>") == 100_288)
        #expect(tokenizer.vocabularySize == 100_289)
        #expect(tokenizer.addedTokens.count == 32)
        #expect(tokenizer.bytes(of: 50_000) == nil)
        #expect(tokenizer.bytes(of: -1) == nil)
        #expect(tokenizer.bytes(of: .max) == nil)
        #expect(tokenizer.isSpecial(100_257) && !tokenizer.isSpecial(0) && !tokenizer.isSpecial(.min))
        let the = try #require(tokenizer.id(of: " the"))
        #expect(tokenizer.bytes(of: the) == Array(" the".utf8))
        #expect(tokenizer.id(of: "no such token") == nil)
        #expect(tokenizer.decode([the, 200_000, -7, the]) == " the the")
    }

    @Test func canonicallyEquivalentTokensStayApart() throws {
        let tokenizer = try Fixtures.tokenizer("everything")
        let decomposed = tokenizer.id(of: "e\u{301}")
        let composed = tokenizer.id(of: "\u{E9}")
        #expect(decomposed != nil && decomposed != composed)
    }

    @Test func streamingHoldsBackOnlyIncompleteCharacters() throws {
        let tokenizer = try Fixtures.tokenizer("gpt2")
        let bytes = Array("é😀a".utf8).map { Int(tokenizer.model.byteIDs[Int($0)]) }
        var decoder = StreamingDecoder(tokenizer: tokenizer)
        #expect(bytes.map { decoder.push($0) } == ["", "é", "", "", "", "😀", "a"])
        #expect(decoder.finish() == "")
        // An end token in the middle of a character is left out and changes nothing.
        #expect([bytes[0], try #require(tokenizer.endOfTextID), bytes[1]].map { decoder.push($0) } == ["", "", "é"])
        #expect(decoder.push(bytes[2]) == "" && decoder.push(bytes[6]) == "\u{FFFD}a")
        #expect(decoder.push(bytes[2]) == "" && decoder.finish() == "\u{FFFD}" && decoder.finish() == "")
    }

    @Test func splitPatternsCoverEveryTextWithoutGaps() {
        var text = HostileText(seed: 21)
        for _ in 0..<300 {
            var string = text.next()
            for pattern in [SplitPattern.gpt2, .arcade100k, .cl100k] {
                string.withUTF8 { bytes in
                    var end = 0
                    pattern.forEachPiece(of: UTF8Text(bytes: bytes, classes: .unicode16)) {
                        #expect($0.lowerBound == end && !$0.isEmpty)
                        end = $0.upperBound
                    }
                    #expect(end == bytes.count)
                }
            }
        }
    }

    @Test func cl100kTakesUpToThreeDigitsAndArcadeOne() {
        func pieces(_ text: String, _ pattern: SplitPattern) -> [String] {
            var text = text
            return text.withUTF8 { bytes in
                var pieces: [String] = []
                pattern.forEachPiece(of: UTF8Text(bytes: bytes, classes: .unicode16)) {
                    pieces.append(String(decoding: bytes[$0], as: UTF8.self))
                }
                return pieces
            }
        }
        #expect(pieces("x12345", .cl100k) == ["x", "123", "45"])
        #expect(pieces("x12345", .arcade100k) == ["x", "1", "2", "3", "4", "5"])
        #expect(pieces("we'LL  go.\n\n  a", .arcade100k) == ["we", "'LL", " ", " go", ".\n\n", " ", " a"])
        #expect(pieces("we'LL  go.\n\n  a", .gpt2) == ["we", "'", "LL", " ", " go", ".", "\n\n ", " a"])
    }
}
