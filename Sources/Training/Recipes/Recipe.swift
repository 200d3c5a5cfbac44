import Foundation
import Yams

/// A whole course of learning: data, sizes, steps, and ablations. Read from YAML.
public struct Recipe: Sendable, Hashable, Codable {
    /// Files below the folder of data.
    public struct Files: Sendable, Hashable, Codable {
        /// Questions and answers to learn from.
        public var train: [String]
        /// Images and captions to learn from.
        public var captions: [String]?
        /// Questions that are kept apart for measuring.
        public var dev: [String]?
        /// At most so many entries of a file, drawn by the seed.
        public var limits: [String: Int]?
    }

    public struct Tokenizer: Sendable, Hashable, Codable {
        /// Number of tokens.
        public var vocabulary: Int
    }

    public var seed: UInt64?
    public var data: Files
    /// A new tokenizer, for new models.
    public var tokenizer: Tokenizer?
    /// A new model; left out where one is named on the command line.
    public var model: ModelShape?
    /// What becomes of dense FFNs.
    public var experts: MixtureShape?
    /// Steps of the course; each goes on from the one before it.
    public var steps: [RecipeStep]
    /// Steps with a difference, each from a step of the course: run by `--ablations`.
    public var ablations: [RecipeStep]?

    /// Reads a recipe.
    ///
    /// - Throws: `RecipeError` that names the file and what is wrong with it.
    public init(contentsOf path: String) throws {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw RecipeError(file: path, problem: "cannot be read: \(error.localizedDescription)")
        }
        try self.init(text: text, file: path)
    }

    /// Parses the text of a recipe; `file` is for messages.
    public init(text: String, file: String) throws {
        do {
            self = try YAMLDecoder().decode(Recipe.self, from: text)
            if let key = try RecipeKeys.firstUnknown(in: text, known: self) {
                throw RecipeError(file: file, problem: "\"\(key)\" is no key of a recipe: check its spelling")
            }
        } catch let error as RecipeError {
            throw error
        } catch let error as DecodingError {
            throw RecipeError(file: file, problem: Self.text(of: error))
        } catch {
            throw RecipeError(file: file, problem: "is no YAML of a recipe: \(error)")
        }
        try check(file)
    }

    private static func text(of error: DecodingError) -> String {
        func place(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
            let keys = (context.codingPath + (key.map { [$0] } ?? [])).map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
            return keys.isEmpty ? "the recipe" : "\"\(keys.joined(separator: "."))\""
        }
        switch error {
        case .keyNotFound(let key, let context): return "\(place(context, key)) is missing"
        case .typeMismatch(let type, let context): return "\(place(context)) is no \(type)"
        case .valueNotFound(let type, let context): return "\(place(context)) is empty; expected \(type)"
        case .dataCorrupted(let context): return "\(place(context)): \(context.debugDescription)"
        @unknown default: return "\(error)"
        }
    }

    private func check(_ file: String) throws {
        guard !data.train.isEmpty else { throw RecipeError(file: file, problem: "\"data.train\" is empty: name conversation files") }
        for (key, names) in [("train", data.train), ("captions", data.captions ?? []), ("dev", data.dev ?? [])] {
            if let twice = Self.firstRepeated(names) {
                throw RecipeError(file: file, problem: "\"data.\(key)\" names \(twice) twice: leave one out")
            }
        }
        for (name, limit) in (data.limits ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard limit > 0 else { throw RecipeError(file: file, problem: "\"data.limits.\(name)\" is \(limit); expected 1 or more entries") }
            guard (data.train + (data.captions ?? [])).contains(name) else {
                throw RecipeError(file: file, problem: "\"data.limits.\(name)\" limits no file of \"train\" or \"captions\"")
            }
        }
        guard !steps.isEmpty else { throw RecipeError(file: file, problem: "\"steps\" is empty") }
        var known: Set<String> = []
        for step in steps {
            if let from = step.from, !known.contains(from) {
                throw RecipeError(file: file, problem: "step \(step.title) begins \"from\" \(from), which is no step before it")
            }
            guard known.insert(step.title).inserted else { throw RecipeError(file: file, problem: "two steps are called \(step.title): give one a \"name\"") }
        }
        for ablation in ablations ?? [] {
            guard let from = ablation.from, known.contains(from) else {
                throw RecipeError(file: file, problem: "ablation \(ablation.title) must say \"from\" which step it begins: \(known.sorted().joined(separator: ", "))")
            }
        }
        let titles = (ablations ?? []).map(\.title)
        guard Set(titles).count == titles.count, known.isDisjoint(with: titles) else {
            throw RecipeError(file: file, problem: "two steps or ablations have one name: give each its own")
        }
        for step in steps + (ablations ?? []) {
            do {
                try step.settings(seed: seed ?? 0).check()
                try step.checkReaders()
            } catch {
                throw RecipeError(file: file, problem: "step \(step.title): \(error)")
            }
        }
    }
}

extension Recipe {
    /// Tokens of a new tokenizer.
    public var vocabulary: Int { tokenizer?.vocabulary ?? 4096 }

    /// The first of some files that was named before, maybe in other words: `a.json`, `./a.json`.
    private static func firstRepeated(_ files: [String]) -> String? {
        var known: Set<[Substring]> = []
        return files.first { !known.insert($0.split(separator: "/").filter { $0 != "." }).inserted }
    }
}

/// A recipe that cannot be followed.
public struct RecipeError: Error, Sendable, CustomStringConvertible {
    public let file: String
    public let problem: String

    public var description: String { "\(file): \(problem)" }
}
