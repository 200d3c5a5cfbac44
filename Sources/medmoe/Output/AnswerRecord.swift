import Foundation
import MedMoE

/// An answer as one JSON object.
struct AnswerRecord: Encodable {
    struct Routing: Encodable {
        var layer: Int
        var expert: Int
        var domain: String?
        var worker: String
        var tokens: Int

        init(_ entry: AnswerSummary.RoutingEntry, domains: [String]) {
            layer = entry.layer
            expert = entry.expert
            domain = domains.indices.contains(entry.expert) ? domains[entry.expert] : nil
            worker = entry.worker
            tokens = entry.tokens
        }
    }

    struct Timings: Encodable {
        var queue, image, prefill, decode: Double
    }

    /// What people are told about an answer that is marked as degraded.
    static let degradedNote = "degraded: an expert was missing, the meta expert answered alone"

    /// Set when the question came from a file.
    var id: String?
    var image: String?
    var question: String?
    var answer: String
    var tokenIDs: [Int]
    var promptTokens: Int
    var finish: String
    var modelDigest: String
    var routing: [Routing]
    var timings: Timings
    var degraded: Bool
    /// Milliseconds from asking to each token, as this process saw them; nil when nobody wants to know.
    var tokenTimes: [Double]?
    /// Milliseconds from asking to the end of the answer; nil likewise.
    var elapsed: Double?

    enum CodingKeys: String, CodingKey {
        case id, image, question, answer
        case tokenIDs = "token_ids"
        case promptTokens = "prompt_tokens"
        case finish
        case modelDigest = "model_digest"
        case routing
        case timings = "timings_ms"
        case degraded
        case tokenTimes = "token_times_ms"
        case elapsed = "elapsed_ms"
    }

    init(_ summary: AnswerSummary, domains: [String]) {
        answer = summary.answer
        tokenIDs = summary.tokenIDs
        promptTokens = summary.promptTokens
        finish = summary.finish.rawValue
        modelDigest = summary.modelDigest
        routing = summary.routing.map { Routing($0, domains: domains) }
        timings = Timings(
            queue: rounded(summary.timings.queue), image: rounded(summary.timings.image), prefill: rounded(summary.timings.prefill),
            decode: rounded(summary.timings.decode))
        degraded = summary.degraded
    }

    /// Adds when the asker saw what.
    mutating func add(_ times: TokenTimes) {
        tokenTimes = times.tokens.map(rounded)
        elapsed = rounded(times.elapsed)
    }

    /// One line of JSON, without the newline.
    var line: String {
        get throws { try jsonLine(self) }
    }
}

/// To microseconds: more digits are noise.
private func rounded(_ milliseconds: Double) -> Double { (milliseconds * 1000).rounded() / 1000 }

/// When the asker saw the tokens of one answer, in milliseconds since it asked.
struct TokenTimes {
    private let start = ContinuousClock.now
    private(set) var tokens: [Double] = []

    mutating func sawToken() { tokens.append(elapsed) }

    /// Since asking.
    var elapsed: Double { start.milliseconds(to: .now) }
}

/// A question that was not answered, as one JSON object.
struct FailureRecord: Encodable {
    var id: String
    var image: String?
    var question: String
    var error: String
    var code: String
}

/// One line of JSON with stable key order.
func jsonLine(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
