import Datasets

/// Everything that is known about a model's answers to one data set.
public struct DatasetReport: Sendable, Hashable, Encodable {
    /// How groups without a label are called.
    public static let unlabelled = "unknown"

    public var name: String
    /// Questions asked.
    public var questions: Int
    public var overall: ScoreTable
    public var byModality: [String: ScoreTable]
    public var byOrgan: [String: ScoreTable]
    public var byQuestionType: [String: ScoreTable]
    /// Nil without training data to take the answers from.
    public var baselines: BaselineReport?

    enum CodingKeys: String, CodingKey {
        case questions, baselines
        case byModality = "by_modality"
        case byOrgan = "by_organ"
        case byQuestionType = "by_question_type"
    }

    /// - Parameter training: where the baselines' answers come from.
    public init(name: String, answers: [ScoredAnswer], training: [Conversation]?, bootstrap: Bootstrap) {
        func groups(_ label: (Conversation) -> String?) -> [String: ScoreTable] {
            Dictionary(grouping: answers) { label($0.conversation) ?? Self.unlabelled }.mapValues { ScoreTable($0, bootstrap: bootstrap) }
        }
        self.name = name
        questions = answers.count
        overall = ScoreTable(answers, bootstrap: bootstrap)
        byModality = groups(\.modality)
        byOrgan = groups(\.organ)
        byQuestionType = groups(\.questionType)
        baselines = training.map { BaselineReport(answers.map(\.conversation), training: $0, bootstrap: bootstrap) }
    }

    /// The overall scores stand beside the other keys, not below one.
    public func encode(to encoder: any Encoder) throws {
        try overall.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(questions, forKey: .questions)
        try container.encode(byModality, forKey: .byModality)
        try container.encode(byOrgan, forKey: .byOrgan)
        try container.encode(byQuestionType, forKey: .byQuestionType)
        try container.encodeIfPresent(baselines, forKey: .baselines)
    }
}
