import Datasets
import MedMoE

/// Evaluates a model on sets of questions: what `medmoe eval` and `medmoe train all` do.
public struct ModelEvaluation: Sendable {
    public var questioner: Questioner
    /// Where the images lie.
    public var images: ImageFolder
    /// The most tokens of an answer; the public evaluation's answers are short.
    public var maximumTokens: Int
    public var bootstrap: Bootstrap

    public init(questioner: Questioner, images: ImageFolder, maximumTokens: Int = 16, bootstrap: Bootstrap = Bootstrap()) {
        self.questioner = questioner
        self.images = images
        self.maximumTokens = maximumTokens
        self.bootstrap = bootstrap
    }

    /// A model's answers to a set, and what they are worth.
    public struct Outcome: Sendable {
        public var report: DatasetReport
        /// In the order of the set.
        public var answers: [ScoredAnswer]
        /// The engine's own account of each answer, in the same order.
        public var summaries: [AnswerSummary]
    }

    /// Asks the last question of each conversation, greedily, with what was said before as its history, and scores the answers.
    ///
    /// - Parameters:
    ///   - name: what the report calls the set.
    ///   - conversations: each with an answer type, as `DataRules.needsAnswerType` checks.
    ///   - training: where the baselines' answers come from.
    ///   - answered: called after each answer.
    /// - Throws: `EvaluationError` that names the entry, and `CancellationError`.
    public func run(
        name: String, conversations: [Conversation], training: [Conversation]? = nil, answered: @escaping @Sendable () -> Void = {}
    ) async throws -> Outcome {
        let items = try conversations.map { try item($0, of: name) }
        let summaries = try await questioner.ask(items, maximumTokens: maximumTokens, answered: answered)
        let answers = zip(conversations, summaries).compactMap { ScoredAnswer(conversation: $0, prediction: $1.answer) }
        let report = DatasetReport(name: name, answers: answers, training: training, bootstrap: bootstrap)
        return Outcome(report: report, answers: answers, summaries: summaries)
    }

    private func item(_ conversation: Conversation, of set: String) throws -> Questioner.Item {
        let place = "\(set), entry \(conversation.entry)"
        guard let question = conversation.turns.last, conversation.answerType != nil else {
            throw EvaluationError(description: "\(place): has no question, or does not say how its answer is scored")
        }
        var turns: [AnswerRequest.Turn] = []
        for turn in conversation.turns.dropLast() { turns += [.init(.user, turn.question), .init(.assistant, turn.answer)] }
        turns.append(.init(.user, question.question))
        var image: (@Sendable () throws -> [UInt8])?
        if let path = conversation.image {
            image = { [images] in try images.bytes(of: path) }
        }
        return Questioner.Item(name: place, task: .conversation(turns), image: image)
    }
}
