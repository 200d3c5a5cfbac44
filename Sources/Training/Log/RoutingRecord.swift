/// How many tokens of each domain's images and questions each expert got.
public struct RoutingRecord: Sendable, Hashable, Codable {
    /// The stage after which it was measured.
    public var stage: String?
    /// Numbers of the mixture layers.
    public var layers: [Int]
    public var experts: [String]
    /// What the samples are of: modalities, mostly.
    public var domains: [String]
    /// Tokens: `[layer][domain][expert]`.
    public var counts: [[[Int]]]

    public init(stage: String? = nil, layers: [Int], experts: [String], domains: [String], counts: [[[Int]]]) {
        self.stage = stage
        self.layers = layers
        self.experts = experts
        self.domains = domains
        self.counts = counts
    }

    /// What is wrong with its extents, if anything is.
    var fault: String? {
        for (name, count) in [("layers", layers.count), ("experts", experts.count), ("domains", domains.count)] where count == 0 {
            return "\"\(name)\" is empty"
        }
        guard counts.count == layers.count, counts.allSatisfy({ $0.count == domains.count && $0.allSatisfy { $0.count == experts.count } }) else {
            return "\"counts\" must be \(layers.count) × \(domains.count) × \(experts.count): layers, domains, experts"
        }
        return counts.joined().joined().contains { !CountLimit.range.contains($0) } ? "\"counts\" has a number outside of 0 to \(CountLimit.range.upperBound)" : nil
    }
}
