import Foundation
import Testing

@testable import Language

enum Fixtures {
    static func url(_ path: String) throws -> URL {
        try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures").appendingPathComponent(path)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
        try JSONDecoder().decode(type, from: try Data(contentsOf: url(path)))
    }

    static func tokenizer(_ name: String) throws -> ByteLevelTokenizer { try TokenizerLoader.load(directory: try url(name)) }

    /// What the reference libraries computed with one tokeniser.
    struct Expectation: Decodable {
        let size: Int
        let encode: [String]
        let decode: [String]
    }

    struct Expectations: Decodable {
        let tokenizers: [String: Expectation]
        let strings: [String]

        init(from decoder: Decoder) throws {
            let container = try decoder.container(keyedBy: Name.self)
            var found: [String: Expectation] = [:]
            for key in container.allKeys where key.stringValue != "strings" {
                found[key.stringValue] = try container.decode(Expectation.self, forKey: key)
            }
            tokenizers = found
            strings = try container.decode([String].self, forKey: Name(stringValue: "strings"))
        }

        struct Name: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }

    /// In the order of `make_fixtures.py`: the position is part of the seeds.
    static let names = ["tiny", "medmoe-tiny", "gpt2", "codegen", "arcade100k", "everything"]
}

/// A folder of its own for one test.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("language-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: url.appendingPathComponent(name))
    }
}
