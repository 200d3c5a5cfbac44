import Datasets

/// A prediction beside the answer that was expected.
public struct AnswerPair: Sendable, Hashable {
    public var reference: String
    public var prediction: String
    public var answerType: Conversation.AnswerType

    public init(reference: String, prediction: String, answerType: Conversation.AnswerType) {
        self.reference = reference
        self.prediction = prediction
        self.answerType = answerType
    }
}
