import ClusterHarness
import Testing

/// The judge of accidents must see what goes wrong.
@Suite struct LoadOutcomeTests {
    @Test("other tokens, missing tokens and degraded answers are wrong; failures are counted apart")
    func otherTokensMissingTokensAndDegradedAnswersAreWrong() {
        func answer(_ tokens: [Int], failure: String? = nil) -> AnsweredQuestion {
            AnsweredQuestion(question: 0, asked: .zero, tokens: tokens, failure: failure)
        }
        var degraded = answer([1, 2])
        degraded.degraded = true
        let outcome = LoadOutcome(answers: [answer([1, 2]), answer([1, 3]), answer([1]), degraded, answer([9], failure: "lost")], lasted: .seconds(1))
        #expect(outcome.wrong([0: [1, 2]]).count == 3)
        #expect(outcome.failed.map(\.failure) == ["lost"])
    }

    @Test("of few requests the slowest is the 99th percentile")
    func ofFewRequestsTheSlowestIsThe99thPercentile() {
        let answers = (1...50).map { AnsweredQuestion(question: 0, asked: .zero, longestSilence: .milliseconds($0)) }
        let outcome = LoadOutcome(answers: answers.reversed(), lasted: .seconds(1))
        #expect(outcome.stall(99) == 50)
        #expect(outcome.stall(50) == 25)
        #expect(LoadOutcome(answers: [], lasted: .zero).stall(99) == 0)
    }
}
