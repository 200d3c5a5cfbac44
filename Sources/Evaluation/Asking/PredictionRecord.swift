import MedMoE

/// One answer as a line of a predictions file.
public struct PredictionRecord: Sendable, Hashable, Codable {
    /// The data set's name.
    public var dataset: String
    public var id: String
    /// The entry's place in its file, from 0.
    public var entry: Int
    public var image: String?
    public var question: String
    /// What was expected.
    public var reference: String
    /// What the model answered.
    public var text: String
    public var tokenIDs: [Int]
    public var answerType: String
    /// Set when an expert was missing and the answer was made without it.
    public var degraded: Bool?
    /// Of a closed question: whether it counts as correct.
    public var correct: Bool?
    /// Of an open question.
    public var recall: Double?
    public var f1: Double?
    public var exactMatch: Double?
    /// BLEU-1 to BLEU-3 of an open question.
    public var bleu: [Double]?

    enum CodingKeys: String, CodingKey {
        case dataset, id, entry, image, question, reference, text, degraded, correct, recall, f1, bleu
        case tokenIDs = "token_ids"
        case answerType = "answer_type"
        case exactMatch = "exact_match"
    }

    public init(dataset: String, answer: ScoredAnswer, summary: AnswerSummary) {
        let conversation = answer.conversation
        let isOpen = answer.answerType == .open
        self.dataset = dataset
        id = conversation.id
        entry = conversation.entry
        image = conversation.image
        question = conversation.turns.last?.question ?? ""
        reference = conversation.turns.last?.answer ?? ""
        text = answer.prediction
        tokenIDs = summary.tokenIDs
        degraded = summary.degraded ? true : nil
        answerType = answer.answerType.rawValue
        correct = isOpen ? nil : answer.score.closedCorrect
        recall = isOpen ? answer.score.overlap.recall : nil
        f1 = isOpen ? answer.score.overlap.f1 : nil
        exactMatch = isOpen ? answer.score.overlap.exactMatch : nil
        bleu = isOpen ? answer.score.bleu : nil
    }

    /// The records of a set.
    public static func all(of outcome: ModelEvaluation.Outcome) -> [PredictionRecord] {
        zip(outcome.answers, outcome.summaries).map {
            PredictionRecord(dataset: outcome.report.name, answer: $0, summary: $1)
        }
    }
}
