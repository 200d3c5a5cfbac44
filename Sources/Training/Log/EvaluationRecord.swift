/// How good the answers were after a stage.
public struct EvaluationRecord: Sendable, Hashable, Codable {
    public struct Scores: Sendable, Hashable, Codable {
        /// Percentage of closed questions that were answered correctly; nil where there are none.
        public var closedAccuracy: Double?
        /// Mean percentage of an open answer's words that were found; nil where there are no open questions.
        public var openRecall: Double?

        public init(closedAccuracy: Double? = nil, openRecall: Double? = nil) {
            self.closedAccuracy = closedAccuracy
            self.openRecall = openRecall
        }
    }

    public var stage: String
    /// By data set.
    public var datasets: [String: Scores]

    public init(stage: String, datasets: [String: Scores]) {
        self.stage = stage
        self.datasets = datasets
    }
}
