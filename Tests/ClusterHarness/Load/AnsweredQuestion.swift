/// How one question of a load went.
package struct AnsweredQuestion: Sendable {
    /// Index of the question in the load's list.
    package var question: Int
    /// When it was asked, since the load began.
    package var asked: Duration
    /// When it ended, since the load began.
    package var ended: Duration
    /// The chosen tokens; of a failed request, those that came.
    package var tokens: [Int]
    /// The longest time in which nothing came: before the first token, between two, or before the end.
    package var longestSilence: Duration
    /// Why there is no answer; nil when there is one.
    package var failure: String?
    /// Rows by expert, as workers told.
    package var rows: [Int: Int] = [:]
    package var degraded = false

    package init(question: Int, asked: Duration, ended: Duration = .zero, tokens: [Int] = [], longestSilence: Duration = .zero, failure: String? = nil) {
        self.question = question
        self.asked = asked
        self.ended = ended
        self.tokens = tokens
        self.longestSilence = longestSilence
        self.failure = failure
    }
}

/// How a load went.
package struct LoadOutcome: Sendable {
    package var answers: [AnsweredQuestion]
    /// From its begin to its end.
    package var lasted: Duration

    package init(answers: [AnsweredQuestion], lasted: Duration) {
        self.answers = answers
        self.lasted = lasted
    }

    package var failed: [AnsweredQuestion] { answers.filter { $0.failure != nil } }

    /// Answers whose tokens are not those of the undisturbed run.
    ///
    /// - Parameter expected: tokens by question
    package func wrong(_ expected: [Int: [Int]]) -> [AnsweredQuestion] {
        answers.filter { $0.failure == nil && (expected[$0.question] != $0.tokens || $0.degraded) }
    }

    /// Percentiles of the longest silence of each request, in milliseconds.
    package func stall(_ percentile: Double) -> Double {
        Percentile.of(answers.map { $0.longestSilence / .milliseconds(1) }, percentile)
    }
}

package enum Percentile {
    /// The smallest value that at least `percentile` percent of the values do not exceed; 0 of none.
    package static func of(_ values: [Double], _ percentile: Double) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let rank = (percentile / 100 * Double(sorted.count)).rounded(.up)
        return sorted[min(sorted.count - 1, max(0, Int(rank) - 1))]
    }
}
