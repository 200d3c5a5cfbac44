import Language
import MedMoE

/// What is asked: request number n is the same for the same seed, whenever it is made.
public struct RequestMix: Sendable {
    /// A question from a list.
    public struct Listed: Sendable {
        public var turns: [AnswerRequest.Turn]
        public var images: [[UInt8]]

        public init(turns: [AnswerRequest.Turn], images: [[UInt8]]) {
            self.turns = turns
            self.images = images
        }
    }

    public enum Questions: Sendable {
        /// In turn, again and again.
        case listed([Listed])
        case drawn(DrawnQuestions)
    }

    public var questions: Questions
    /// Length of an answer, drawn evenly from these; nil: `mostTokens`, and the model ends it.
    public var tokens: ClosedRange<Int>?
    public var mostTokens: Int
    /// 0 answers as the model would; a high one (8) draws tokens almost evenly, so that hardly any answer ends before its length.
    public var temperature: Double
    public var seed: UInt64
    /// Time allowed per request.
    public var deadlineMilliseconds: Int

    public init(
        questions: Questions, tokens: ClosedRange<Int>? = nil, mostTokens: Int = 128, temperature: Double = 0, seed: UInt64 = 0,
        deadlineMilliseconds: Int = 120_000
    ) {
        self.questions = questions
        self.tokens = tokens
        self.mostTokens = mostTokens
        self.temperature = temperature
        self.seed = seed
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    /// - Parameters:
    ///   - number: from 0.
    ///   - id: unique among all running requests.
    public func request(_ number: Int, id: String) -> AnswerRequest {
        var generator = SplitMix64(seed: seed ^ (UInt64(truncatingIfNeeded: number) &* 0xD134_2543_DE82_EF95))
        let most = tokens.map { Int.random(in: $0, using: &generator) } ?? mostTokens
        let own = generator.next()
        let question: Listed
        switch questions {
        case .listed(let list): question = list.isEmpty ? Listed(turns: [], images: []) : list[number % list.count]
        case .drawn(let drawn): question = drawn.question(&generator)
        }
        return AnswerRequest(
            id: id, task: .conversation(question.turns), images: question.images,
            sampling: .init(temperature: temperature, seed: own), maximumTokens: most, deadlineMilliseconds: deadlineMilliseconds)
    }
}
