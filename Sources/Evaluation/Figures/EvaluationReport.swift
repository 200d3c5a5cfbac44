import Checkpoints

/// What an evaluation found: the JSON that `medmoe eval` writes. All scores are in percent.
public struct EvaluationReport: Sendable, Encodable {
    /// How many numbers the model has.
    public struct Parameters: Sendable, Hashable, Codable {
        /// Tower, projector, backbone and all experts.
        public var total: Int
        /// Those that one token passes: of the experts only the top k of each mixture layer, and the meta experts.
        public var activated: Int
        public var activatedPercent: Double

        enum CodingKeys: String, CodingKey {
            case total, activated
            case activatedPercent = "activated_percent"
        }

        public init(_ summary: CheckpointSummary) {
            total = summary.totalParameters
            activated = summary.activatedParameters
            activatedPercent = summary.activatedPercentage
        }
    }

    /// How it was found.
    public struct Settings: Sendable, Hashable, Codable {
        /// What the report calls the model.
        public var model: String?
        /// Hexadecimal SHA-256 that names the weights.
        public var digest: String?
        public var maximumTokens: Int
        public var aspect: String?
        public var resamples: Int
        public var seed: UInt64

        enum CodingKeys: String, CodingKey {
            case model, digest, aspect, resamples, seed
            case maximumTokens = "max_tokens"
        }

        public init(model: String?, digest: String? = nil, maximumTokens: Int, aspect: String?, bootstrap: Bootstrap) {
            self.model = model
            self.digest = digest
            self.maximumTokens = maximumTokens
            self.aspect = aspect
            resamples = bootstrap.resamples
            seed = bootstrap.seed
        }
    }

    public var settings: Settings
    /// In the order in which they were given.
    public var datasets: [DatasetReport]
    public var classification: [ClassificationReport]
    /// Nil when the checkpoint is not at hand.
    public var parameters: Parameters?
    /// Entries that were left out as bad, by reason.
    public var skipped: [String: Int]
    /// Answers that were made without an expert that was missing: the scores are not the model's own.
    public var degraded: Int
    /// Wall time of asking, in seconds.
    public var seconds: Double

    private enum CodingKeys: String, CodingKey {
        case settings, datasets, classification, parameters, skipped, degraded, seconds, unit
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public init(
        settings: Settings, datasets: [DatasetReport], classification: [ClassificationReport] = [], parameters: Parameters? = nil,
        skipped: [String: Int] = [:], degraded: Int = 0, seconds: Double
    ) {
        self.settings = settings
        self.datasets = datasets
        self.classification = classification
        self.parameters = parameters
        self.skipped = skipped
        self.degraded = degraded
        self.seconds = seconds
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("percent", forKey: .unit)
        try container.encode(settings, forKey: .settings)
        var sets = container.nestedContainer(keyedBy: Name.self, forKey: .datasets)
        for set in datasets { try sets.encode(set, forKey: Name(stringValue: set.name)) }
        var arrays = container.nestedContainer(keyedBy: Name.self, forKey: .classification)
        for set in classification { try arrays.encode(set, forKey: Name(stringValue: set.name)) }
        try container.encodeIfPresent(parameters, forKey: .parameters)
        try container.encode(skipped, forKey: .skipped)
        try container.encode(degraded, forKey: .degraded)
        try container.encode(seconds, forKey: .seconds)
    }
}
