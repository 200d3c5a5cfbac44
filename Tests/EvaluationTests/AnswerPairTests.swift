import Evaluation
import Testing

@Test func pairsAreValues() {
    let pair = AnswerPair(reference: "yes", prediction: "Yes.", answerType: .closed)
    #expect(pair != AnswerPair(reference: "yes", prediction: "no", answerType: .closed))
}
