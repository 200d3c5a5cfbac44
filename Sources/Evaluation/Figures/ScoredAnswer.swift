import Datasets

/// A prediction with the question that it answers and what it is worth.
public struct ScoredAnswer: Sendable, Hashable {
    public var conversation: Conversation
    /// What the model answered to the last turn's question, without blanks around it.
    public var prediction: String
    public var answerType: Conversation.AnswerType
    public var score: AnswerScore

    /// - Returns: nil when the conversation has no turn, or does not say how its answer is scored.
    public init?(conversation: Conversation, prediction: String) {
        guard let type = conversation.answerType, let reference = conversation.turns.last?.answer else { return nil }
        self.conversation = conversation
        self.prediction = PythonStrings.stripped(prediction)
        answerType = type
        score = AnswerScore(reference: reference, prediction: self.prediction)
    }
}
