import Datasets

/// What can be answered without looking at the image, from the training answers alone. Letter case is ignored throughout.
///
/// Of equally frequent answers the one that the training data has first is taken.
public struct TextBaselines: Sendable {
    private let mostFrequent: [Conversation.AnswerType: String]
    private let toQuestion: [String: String]

    /// Counts the answers of the training data; entries without an answer type count for their question only.
    public init(training: [Conversation]) {
        var byType: [Conversation.AnswerType: Tally] = [:]
        var byQuestion: [String: Tally] = [:]
        for conversation in training {
            for turn in conversation.turns {
                let answer = PythonStrings.lower(turn.answer)
                if let type = conversation.answerType { byType[type, default: Tally()].add(answer) }
                byQuestion[PythonStrings.lower(turn.question), default: Tally()].add(answer)
            }
        }
        mostFrequent = byType.compactMapValues(\.most)
        toQuestion = byQuestion.compactMapValues(\.most)
    }

    /// The most frequent training answer of a kind; nil when the training data has none of that kind.
    public func mostFrequentAnswer(_ type: Conversation.AnswerType) -> String? { mostFrequent[type] }

    /// The most frequent training answer to the very same question, or else the most frequent one of the kind.
    public func answer(to question: String, _ type: Conversation.AnswerType) -> String? {
        toQuestion[PythonStrings.lower(question)] ?? mostFrequent[type]
    }
}

/// How often each answer occurs.
private struct Tally {
    private var counts: [String: Int] = [:]
    private var order: [String] = []

    mutating func add(_ answer: String) {
        if counts[answer] == nil { order.append(answer) }
        counts[answer, default: 0] += 1
    }

    /// The most frequent, the first of equals.
    var most: String? {
        var best: (answer: String, count: Int)?
        for answer in order {
            guard let count = counts[answer], count > best?.count ?? 0 else { continue }
            best = (answer, count)
        }
        return best?.answer
    }
}
