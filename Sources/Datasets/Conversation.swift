/// One entry of a LLaVA conversation file: an image, and turns of question and answer about it.
public struct Conversation: Sendable, Hashable {
    /// A question and its answer.
    public struct Turn: Sendable, Hashable {
        /// What the human says, without the image's marker and without blanks around it.
        public var question: String
        /// What the model should answer, as the file has it.
        public var answer: String

        public init(question: String, answer: String) {
            self.question = question
            self.answer = answer
        }
    }

    /// How an answer is scored.
    public enum AnswerType: String, Sendable, Hashable, CaseIterable {
        /// One of few answers, such as yes or no.
        case closed = "CLOSED"
        /// Free text.
        case open = "OPEN"
    }

    /// The entry's name in its file.
    public var id: String
    /// The image's path below the folder of images; nil for text alone.
    public var image: String?
    /// At least one.
    public var turns: [Turn]
    /// How the answers are scored, where the file says it.
    public var answerType: AnswerType?
    /// What made the image: `CT`, `MRI`, `X-Ray`, `Pathology` …; nil where unknown.
    public var modality: String?
    /// The body region; nil where unknown.
    public var organ: String?
    /// The source's own kind of question.
    public var questionType: String?
    /// The entry's place in its file, from 0.
    public var entry: Int

    public init(
        id: String, image: String?, turns: [Turn], answerType: AnswerType? = nil, modality: String? = nil, organ: String? = nil,
        questionType: String? = nil, entry: Int = 0
    ) {
        self.id = id
        self.image = image
        self.turns = turns
        self.answerType = answerType
        self.modality = modality
        self.organ = organ
        self.questionType = questionType
        self.entry = entry
    }
}
