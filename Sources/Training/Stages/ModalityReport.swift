/// How well a router, or an encoder's head, tells modalities apart, on images that it did not learn from.
public struct ModalityReport: Sendable, Hashable {
    public let domains: [String]
    /// The mixture layers whose hidden states a router sees; none for an encoder.
    public let layers: [Int]
    /// Questions, and how many of them are routed right by the mean over all layers.
    public var examples = 0
    public var correct = 0
    /// The same for each layer alone.
    public var correctByLayer: [Int]
    /// Images, by the mean over their questions.
    public var images = 0
    public var correctImages = 0
    /// Images by true and predicted domain.
    public var confusion: [[Int]]

    init(domains: [String], layers: [Int]) {
        self.domains = domains
        self.layers = layers
        correctByLayer = layers.map { _ in 0 }
        confusion = domains.map { _ in domains.map { _ in 0 } }
    }

    /// Part of the images that are routed right.
    public var accuracy: Double { images > 0 ? Double(correctImages) / Double(images) : 0 }
}
