import Datasets

/// The scores of answers that never looked at the image, on the same questions as the model's.
public struct BaselineReport: Sendable, Hashable, Encodable {
    /// One way of answering without the image.
    public struct Scores: Sendable, Hashable, Encodable {
        /// With the metrics that the model is scored by.
        public var table: ScoreTable
        /// Closed questions answered exactly, letter case ignored.
        public var closedExact: Estimate?
        /// Open questions answered exactly, letter case ignored.
        public var openExact: Estimate?

        enum CodingKeys: String, CodingKey {
            case closedExact = "closed_exact"
            case openExact = "open_exact"
        }

        init(_ conversations: [Conversation], bootstrap: Bootstrap, answer: (Conversation.Turn, Conversation.AnswerType) -> String?) {
            let answers = conversations.compactMap { conversation -> ScoredAnswer? in
                guard let turn = conversation.turns.last, let type = conversation.answerType else { return nil }
                // No training answer of that kind: nothing is answered, and that is wrong.
                return ScoredAnswer(conversation: conversation, prediction: answer(turn, type) ?? "")
            }
            table = ScoreTable(answers, bootstrap: bootstrap)
            func exact(_ type: Conversation.AnswerType) -> Estimate? {
                bootstrap.mean(
                    answers.filter { $0.answerType == type }.map {
                        PythonStrings.lower($0.conversation.turns.last?.answer ?? "") == PythonStrings.lower($0.prediction) ? 1 : 0
                    })
            }
            closedExact = exact(.closed)
            openExact = exact(.open)
        }

        public func encode(to encoder: any Encoder) throws {
            try table.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encodeIfPresent(closedExact, forKey: .closedExact)
            try container.encodeIfPresent(openExact, forKey: .openExact)
        }
    }

    /// The most frequent training answer to closed questions; nil when there are none.
    public var closedAnswer: String?
    /// The most frequent training answer to open questions; nil when there are none.
    public var openAnswer: String?
    /// Always the most frequent training answer of the question's kind.
    public var mostFrequent: Scores
    /// The most frequent training answer to the very same question, or else the former.
    public var questionOnly: Scores

    enum CodingKeys: String, CodingKey {
        case closedAnswer = "closed_answer"
        case openAnswer = "open_answer"
        case mostFrequent = "most_frequent"
        case questionOnly = "question_only"
    }

    public init(_ conversations: [Conversation], training: [Conversation], bootstrap: Bootstrap) {
        let baselines = TextBaselines(training: training)
        closedAnswer = baselines.mostFrequentAnswer(.closed)
        openAnswer = baselines.mostFrequentAnswer(.open)
        mostFrequent = Scores(conversations, bootstrap: bootstrap) { baselines.mostFrequentAnswer($1) }
        questionOnly = Scores(conversations, bootstrap: bootstrap) { baselines.answer(to: $0.question, $1) }
    }
}
