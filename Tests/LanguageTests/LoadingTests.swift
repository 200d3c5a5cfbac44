import Foundation
import Testing

@testable import Language

/// Tokeniser files as nobody should write them: each must give a typed error that names the file and the entry.
@Suite struct LoadingTests {
    /// A vocabulary of the 256 single bytes, and what is added to it.
    private static func vocabulary(_ more: String = "") -> String {
        let bytes = ByteAlphabet.codes.enumerated().map { "\"\\u" + hexadecimal($0.element) + "\": \($0.offset)" }
        return "{" + bytes.joined(separator: ", ") + (more.isEmpty ? "" : ", " + more) + "}"
    }

    private static func hexadecimal(_ code: UInt32) -> String {
        let digits = String(code, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }

    private static func file(
        model: String = "\"type\": \"BPE\"", vocabulary: String = vocabulary(), merges: String = "[]", added: String = "[]",
        normalizer: String = "null", pre: String = #"{"type": "ByteLevel", "add_prefix_space": false}"#, post: String = "null",
        decoder: String = #"{"type": "ByteLevel"}"#, version: String = "1.0"
    ) -> String {
        """
        {"version": "\(version)", "added_tokens": \(added), "normalizer": \(normalizer), "pre_tokenizer": \(pre),
         "post_processor": \(post), "decoder": \(decoder), "model": {\(model), "vocab": \(vocabulary), "merges": \(merges)}}
        """
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var file: String
        /// Parts of the message.
        var says: [String]
        var testDescription: String { name }
    }

    static let cases: [Case] = {
        func added(_ id: String, _ content: String) -> String { #"[{"id": \#(id), "content": "\#(content)", "special": true}]"# }
        let arrow = { (pattern: String, behaviour: String) in
            #"{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\#(pattern)"}, "behavior": "\#(behaviour)"}, {"type": "ByteLevel"}]}"#
        }
        return [
            Case(name: "not JSON", file: "hello", says: ["byte 0", "a value is expected"]),
            Case(name: "empty", file: "", says: ["byte 0", "ends"]),
            Case(name: "cut off", file: String(file().prefix(500)), says: ["byte 5"]),
            Case(name: "nested without end", file: String(repeating: "[", count: 100_000), says: ["nested deeper than 64"]),
            Case(name: "duplicate member", file: #"{"version": "1.0", "version": "1.0"}"#, says: ["'version'", "occurs twice"]),
            Case(name: "half a surrogate pair", file: #"{"version": "\ud800"}"#, says: ["surrogate"]),
            Case(name: "something after the end", file: file() + "x", says: ["after the end"]),
            Case(name: "an array", file: "[1]", says: ["an object is expected"]),
            Case(name: "other version", file: file(version: "2.0"), says: ["version", "\"2.0\"", "\"1.0\""]),
            Case(name: "no vocabulary", file: #"{"pre_tokenizer": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE"}}"#, says: ["model.vocab", "nothing"]),
            Case(name: "other model", file: file(model: "\"type\": \"WordPiece\""), says: ["model.type", "WordPiece", "BPE"]),
            Case(name: "dropout", file: file(model: "\"type\": \"BPE\", \"dropout\": 0.1"), says: ["model.dropout", "0.1"]),
            Case(name: "unknown token", file: file(model: "\"type\": \"BPE\", \"unk_token\": \"<unk>\""), says: ["model.unk_token", "<unk>"]),
            Case(name: "byte fallback", file: file(model: "\"type\": \"BPE\", \"byte_fallback\": true"), says: ["model.byte_fallback"]),
            Case(name: "subword prefix", file: file(model: "\"type\": \"BPE\", \"continuing_subword_prefix\": \"##\""), says: ["continuing_subword_prefix", "##"]),
            Case(name: "a flag that is none", file: file(model: "\"type\": \"BPE\", \"ignore_merges\": 1"), says: ["ignore_merges", "true or false"]),
            Case(name: "duplicate token", file: file(vocabulary: vocabulary("\"a\": 300")), says: ["'a'", "occurs twice"]),
            Case(name: "duplicate id", file: file(vocabulary: vocabulary("\"zz\": 97")), says: ["\"zz\"", "97", "\"a\""]),
            Case(name: "huge id", file: file(vocabulary: vocabulary("\"zz\": 1000000000000")), says: ["\"zz\"", "1000000000000", "1048575"]),
            Case(name: "id beyond 64 bits", file: file(vocabulary: vocabulary("\"zz\": 99999999999999999999")), says: ["\"zz\"", "1048575"]),
            Case(name: "negative id", file: file(vocabulary: vocabulary("\"zz\": -1")), says: ["\"zz\"", "-1"]),
            Case(name: "fractional id", file: file(vocabulary: vocabulary("\"zz\": 1.5")), says: ["\"zz\"", "1.5"]),
            Case(name: "missing byte", file: file(vocabulary: #"{"a": 0}"#), says: ["byte 0x0", "no token"]),
            Case(name: "merge without vocabulary entry", file: file(merges: #"["a b"]"#), says: ["model.merges[0]", "\"ab\""]),
            Case(name: "merge of an unknown part", file: file(merges: #"[["a", "qq"]]"#), says: ["model.merges[0]", "\"qq\""]),
            Case(name: "merge of three", file: file(merges: #"["a b c"]"#), says: ["model.merges[0]", "two tokens"]),
            Case(name: "merge that is a number", file: file(merges: "[7]"), says: ["model.merges[0]", "the number 7"]),
            Case(name: "added token with a gap", file: file(added: added("300", "<x>")), says: ["added_tokens[0]", "300", "256"]),
            Case(name: "added token on another's id", file: file(added: added("97", "<x>")), says: ["added_tokens[0]", "97", "\"a\""]),
            Case(name: "added token with a huge id", file: file(added: added("1000000000000", "<x>")), says: ["added_tokens[0].id"]),
            Case(name: "empty added token", file: file(added: added("256", "")), says: ["added_tokens[0]", "empty"]),
            Case(name: "lower-casing", file: file(normalizer: #"{"type": "Lowercase"}"#), says: ["normalizer.type", "Lowercase", "NFC"]),
            Case(name: "other form", file: file(normalizer: #"{"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFKC"}]}"#), says: ["normalizer.normalizers[1].type", "NFKC"]),
            Case(name: "no pre-tokeniser", file: file(pre: "null"), says: ["pre_tokenizer", "ByteLevel"]),
            Case(name: "other pre-tokeniser", file: file(pre: #"{"type": "Whitespace"}"#), says: ["pre_tokenizer.type", "Whitespace"]),
            Case(name: "ByteLevel in the middle", file: file(pre: #"{"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "ByteLevel"}]}"#), says: ["pretokenizers[0].type"]),
            Case(name: "unknown expression", file: file(pre: arrow(#"\\p{Lu}+"#, "Isolated")), says: ["pretokenizers[0].pattern.Regex", "p{Lu}"]),
            Case(name: "unknown behaviour", file: file(pre: arrow("x", "Mangled")), says: ["pretokenizers[0].behavior", "Mangled"]),
            Case(name: "begin token", file: file(post: #"{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}"#), says: ["post_processor.single[0]"]),
            Case(name: "other post-processor", file: file(post: #"{"type": "BertProcessing"}"#), says: ["post_processor.type", "BertProcessing"]),
            Case(name: "other decoder", file: file(decoder: #"{"type": "WordPiece"}"#), says: ["decoder", "WordPiece"]),
            Case(name: "no decoder", file: file(decoder: "null"), says: ["decoder", "ByteLevel"]),
        ]
    }()

    @Test(arguments: cases)
    func aBadTokenizerFileIsRefusedByName(_ bad: Case) throws {
        let folder = try TemporaryFolder()
        try folder.write("tokenizer.json", bad.file)
        let error = try #require(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.url) }
        for part in ["tokenizer.json"] + bad.says { #expect("\(error)".contains(part), "\(error)") }
    }

    @Test func theSmallestGoodFileLoads() throws {
        // Otherwise the refusals above would prove nothing.
        let folder = try TemporaryFolder()
        try folder.write(
            "tokenizer.json", Self.file(vocabulary: Self.vocabulary("\"ab\": 400"), merges: #"["a b"]"#, added: #"[{"id": 257, "content": "<x>"}]"#))
        let tokenizer = try TokenizerLoader.load(directory: folder.url)
        // Ids may leave gaps in the vocabulary, as in the reference.
        #expect(tokenizer.encode("abc<x>") == [400, 99, 257])
        #expect(tokenizer.endOfTextID == nil)
        #expect(tokenizer.sourceFiles.map(\.lastPathComponent) == ["tokenizer.json"])
    }

    @Test func mergesMayRepeatAndTheLastRankCounts() throws {
        let folder = try TemporaryFolder()
        let vocabulary = Self.vocabulary("\"ab\": 256, \"bc\": 257")
        try folder.write("tokenizer.json", Self.file(vocabulary: vocabulary, merges: #"["a b", "b c", ["a", "b"]]"#))
        #expect(try TokenizerLoader.load(directory: folder.url).encode("abc") == [97, 257])
    }

    @Test(arguments: [
        ("!!!! 0", ["line 257", "!!!!"]), ("YWI= -1", ["line 257", "\"-1\""]), ("YWI= 1000000000000", ["line 257", "1000000000000"]),
        ("YWI=", ["line 257", "blank and a rank"]), ("YWI= 5 6", ["line 257"]), ("YWI= 7", ["line 257", "7"]), ("YQ== 300", ["line 257", "twice"]),
        ("YWI= 100257", ["100257", "<|endoftext|>"]), (String(repeating: "YWFh", count: 100) + " 300", ["line 257", "300 bytes"]),
    ] as [(String, [String])])
    func aBadRankFileIsRefusedByLine(line: String, says: [String]) throws {
        let folder = try TemporaryFolder()
        let bytes = (0..<256).map { Data([UInt8($0)]).base64EncodedString() + " \($0)\n" }.joined()
        try folder.write("arcade100k.tiktoken", bytes + line + "\n")
        let error = try #require(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.url) }
        for part in ["arcade100k.tiktoken"] + says { #expect("\(error)".contains(part), "\(error)") }
        try folder.write("arcade100k.tiktoken", bytes + "YWI= 256\r\n\n")
        #expect(try TokenizerLoader.load(directory: folder.url).encode("abab") == [256, 256])
    }

    @Test func aRankFileOfUnknownKindIsRefusedUnlessTheFormatIsKnown() throws {
        let folder = try TemporaryFolder()
        let content = try String(contentsOf: Fixtures.url("arcade100k/arcade100k.tiktoken"), encoding: .utf8)
        try folder.write("other.tiktoken", content)
        let error = try #require(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.url) }
        #expect("\(error)".contains("other.tiktoken") && "\(error)".contains("Arcade100kTokenizer"))
        #expect(try TokenizerLoader.load(directory: folder.url, rankFileFormat: .arcade100k).endOfTextID == 100_257)
        try folder.write("tokenizer_config.json", #"{"tokenizer_class": "Arcade100kTokenizer"}"#)
        #expect(try TokenizerLoader.load(directory: folder.url).endOfTextID == 100_257)
        try folder.write("tokenizer_config.json", #"{"added_tokens_decoder": {"100289": {"content": "<new>"}}}"#)
        let added = try #require(throws: TokenizerError.self) {
            try TokenizerLoader.load(directory: folder.url, rankFileFormat: .arcade100k)
        }
        #expect("\(added)".contains("<new>") && "\(added)".contains("100289"))
        try folder.write("arcade100k.tiktoken", content)
        #expect(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.url) }
    }

    @Test func anEmptyFolderSaysWhatWasLookedFor() throws {
        let folder = try TemporaryFolder()
        let error = try #require(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.url) }
        for part in [folder.url.path, "tokenizer.json", "*.tiktoken", "vocab.json with merges.txt"] { #expect("\(error)".contains(part)) }
        let missing = folder.url.appendingPathComponent("nowhere")
        #expect("\(try #require(throws: TokenizerError.self) { try TokenizerLoader.load(directory: missing) })".contains("nowhere"))
        // A folder where a file should be.
        try FileManager.default.createDirectory(at: folder.url.appendingPathComponent("tokenizer.json"), withIntermediateDirectories: true)
        let other = try #require(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.url) }
        #expect("\(other)".contains("not a regular file"))
    }

    @Test(arguments: [
        ("merges.txt", "#version: 0.2\na b\n", ["merges.txt: line 2", "\"ab\""]), ("merges.txt", "a  b\n", ["merges.txt: line 1"]),
        ("merges.txt", "a b\n\nb c\n", ["merges.txt: line 1"]), ("vocab.json", "{", ["vocab.json"]),
        ("added_tokens.json", #"{"  ": 300}"#, ["added_tokens.json", "300", "256"]), ("added_tokens.json", #"{"a": 5}"#, ["added_tokens.json", "97"]),
        ("tokenizer_config.json", #"{"eos_token": "<end>"}"#, ["tokenizer_config.json", "eos_token", "<end>"]),
        ("tokenizer_config.json", #"{"tokenizer_class": "RobertaTokenizer"}"#, ["tokenizer_class", "RobertaTokenizer"]),
        ("tokenizer_config.json", #"{"add_bos_token": true}"#, ["add_bos_token"]),
        ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "<x>"}}}"#, ["added_tokens_decoder", "token id"]),
        ("tokenizer_config.json", #"{"added_tokens_decoder": {"999999999999": {"content": "<x>"}}}"#, ["added_tokens_decoder", "999999999999"]),
        ("special_tokens_map.json", #"{"eos_token": {"content": 7}}"#, ["special_tokens_map.json", "eos_token.content"]),
    ] as [(String, String, [String])])
    func badFilesBesideAVocabularyAreRefusedByName(name: String, content: String, says: [String]) throws {
        let folder = try TemporaryFolder()
        try folder.write("vocab.json", Self.vocabulary())
        try folder.write("merges.txt", "#version: 0.2\n")
        #expect(try TokenizerLoader.load(directory: folder.url).encode("ab") == [97, 98])
        try folder.write(name, content)
        let error = try #require(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.url) }
        for part in says { #expect("\(error)".contains(part), "\(error)") }
    }

    @Test func flagsOfAddedTokensComeFromTheConfiguration() throws {
        let folder = try TemporaryFolder()
        try folder.write("vocab.json", Self.vocabulary())
        try folder.write("merges.txt", "")
        try folder.write("added_tokens.json", #"{"<b>": 257, "<a>": 256}"#)
        try folder.write(
            "tokenizer_config.json",
            #"{"add_prefix_space": true, "eos_token": {"content": "<b>"}, "added_tokens_decoder": {"256": {"content": "<a>", "lstrip": true}}}"#)
        let tokenizer = try TokenizerLoader.load(directory: folder.url)
        #expect(tokenizer.endOfTextID == 257 && tokenizer.isSpecial(257) && !tokenizer.isSpecial(256))
        #expect(tokenizer.encode("x  <a>y<b>") == [32, 120, 256, 32, 121, 257])
        #expect(
            tokenizer.sourceFiles.map(\.lastPathComponent) == ["vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"])
    }

    @Test func randomDamageNeverCrashesTheLoader() throws {
        let original = try [UInt8](Data(contentsOf: Fixtures.url("tiny/tokenizer.json")))
        let folder = try TemporaryFolder()
        let url = folder.url.appendingPathComponent("tokenizer.json")
        var random = HostileText(seed: 77)
        for _ in 0..<150 {
            var damaged = original
            for _ in 0..<(1 + random.below(4)) {
                let position = random.below(damaged.count)
                switch random.below(3) {
                case 0: damaged[position] = UInt8(random.below(256))
                case 1: damaged.removeSubrange(position..<min(damaged.count, position + 1 + random.below(40)))
                default: damaged.insert(contentsOf: Array("9\"[{".utf8).shuffled().prefix(2), at: position)
                }
            }
            try Data(damaged).write(to: url)
            do {
                _ = try TokenizerLoader.load(tokenizerJSON: url).encode("What is this?")
            } catch {
                #expect("\(error)".contains("tokenizer.json"))
            }
        }
    }
}
