import ClusterHarness
import Foundation
import Testing

/// What `medmoe ask --json` and `classify --json` print.
struct Answer: Decodable, Sendable {
    struct Label: Decodable, Sendable {
        var label: String
        var probability: Double
        var log_probability: Double
        var tokens: Int
    }

    var id: String?
    var image: String?
    var question: String?
    var answer: String?
    var token_ids: [Int]?
    var prompt_tokens: Int?
    var finish: String?
    var model_digest: String?
    var routing: [Routing]?
    var labels: [Label]?
    var degraded: Bool?
    var token_times_ms: [Double]?
    var elapsed_ms: Double?
    var error: String?
    var code: String?
}

/// Tokens of one layer that one worker computed with one expert.
struct Routing: Decodable, Sendable {
    var layer: Int
    var expert: Int
    var worker: String
    var tokens: Int
}

extension ProgramOutcome {
    /// Its lines of JSON.
    func answers() throws -> [Answer] {
        try outputLines.map { line in
            do {
                return try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
            } catch {
                throw TooLate(description: "not an answer: \(line): \(error)\n\(self)")
            }
        }
    }

    /// Its only line of JSON.
    func answer() throws -> Answer {
        let all = try answers()
        try #require(all.count == 1, "\(self)")
        return all[0]
    }
}

/// Expects that a process refused its input as a good program does: a bad exit status, no signal, and one readable line
/// that contains `parts`. Wrong usage may add the usage after it.
func expectRefusal(
    _ outcome: ProgramOutcome, naming parts: String..., usage: Bool = false, at location: SourceLocation = #_sourceLocation
) {
    expectRefusal(outcome, namingAll: parts, usage: usage, at: location)
}

func expectRefusal(
    _ outcome: ProgramOutcome, namingAll parts: [String], usage: Bool = false, at location: SourceLocation = #_sourceLocation
) {
    guard case .exited(let status) = outcome.end, status != 0 else {
        Issue.record("it did not refuse: \(outcome)", sourceLocation: location)
        return
    }
    let errors = outcome.errorLines.filter { $0.hasPrefix("Error: ") }
    #expect(errors.count == 1, "\(outcome)", sourceLocation: location)
    let line = errors.first ?? ""
    for part in parts {
        #expect(line.contains(part), "\"\(part)\" is not in: \(line)", sourceLocation: location)
    }
    #expect(line.utf8.count < 600, "too long to be read: \(line)", sourceLocation: location)
    for marks in ["Optional(", "(code:", "NSError", "Error Domain", "Error(", "MedMoE.", "Checkpoints.", "Cluster.", "Wire."] {
        #expect(!line.contains(marks), "a dump of a value, not a sentence: \(line)", sourceLocation: location)
    }
    if !usage { #expect(!outcome.errors.contains("Usage:"), "wrong data is not wrong usage: \(outcome)", sourceLocation: location) }
    #expect(outcome.output.isEmpty, "\(outcome)", sourceLocation: location)
}
