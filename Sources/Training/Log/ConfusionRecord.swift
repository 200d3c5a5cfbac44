/// How a router, or the encoder's modality head, told the modalities of held-out images.
public struct ConfusionRecord: Sendable, Hashable, Codable {
    /// The stage after which it was measured.
    public var stage: String?
    /// Names of the modalities.
    public var labels: [String]
    /// Examples by true and predicted modality: `[true][predicted]`.
    public var counts: [[Int]]

    public init(stage: String? = nil, labels: [String], counts: [[Int]]) {
        self.stage = stage
        self.labels = labels
        self.counts = counts
    }

    /// What is wrong with its extents, if anything is.
    var fault: String? {
        if labels.isEmpty { return "\"labels\" is empty" }
        guard counts.count == labels.count, counts.allSatisfy({ $0.count == labels.count }) else {
            return "\"counts\" must be \(labels.count) × \(labels.count), as there are labels"
        }
        return counts.joined().contains { !CountLimit.range.contains($0) } ? "\"counts\" has a number outside of 0 to \(CountLimit.range.upperBound)" : nil
    }
}
