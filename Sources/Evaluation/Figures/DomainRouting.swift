import Datasets
import MedMoE

/// How many tokens of each domain's questions each expert got, over the mixture layers: the paper's analysis.
public struct DomainRouting: Sendable, Hashable {
    /// Numbers of the mixture layers, ascending.
    public let layers: [Int]
    /// What each expert is for, by index.
    public let experts: [String]
    /// Modalities of the questions' images, in the order of the experts, then others by name.
    public let domains: [String]
    /// Tokens of prompts and answers, images included: `[layer][domain][expert]`.
    public let counts: [[[Int]]]

    /// Adds up what the engine says of each answer. Questions whose image has no known modality are left out.
    ///
    /// - Parameters:
    ///   - answers: conversations with the engine's account of their answers, in the same order.
    ///   - experts: what each expert is for; numbers stand for those without a name.
    /// - Returns: nil when nothing was routed.
    public init?(_ answers: [(conversation: Conversation, summary: AnswerSummary)], experts names: [String]) {
        var tokens: [Int: [String: [Int: Int]]] = [:]
        for (conversation, summary) in answers {
            guard let domain = conversation.modality else { continue }
            for entry in summary.routing { tokens[entry.layer, default: [:]][domain, default: [:]][entry.expert, default: 0] += entry.tokens }
        }
        let found = Set(tokens.values.flatMap(\.keys))
        let count = (tokens.values.flatMap { $0.values.flatMap(\.keys) }.max() ?? -1) + 1
        guard !found.isEmpty, count > 0 else { return nil }
        let experts = (0..<max(count, names.count)).map { names.indices.contains($0) ? names[$0] : "\($0)" }
        let domains = experts.filter(found.contains) + found.subtracting(experts).sorted()
        layers = tokens.keys.sorted()
        self.experts = experts
        self.domains = domains
        counts = layers.map { layer in
            domains.map { domain in experts.indices.map { tokens[layer]?[domain]?[$0] ?? 0 } }
        }
    }
}
