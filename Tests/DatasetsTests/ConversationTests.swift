import Datasets
import Testing

@Test func conversationsAreValues() {
    let one = Conversation(id: "a", image: "x.png", turns: [.init(question: "What?", answer: "CT")])
    var other = one
    other.modality = "CT"
    #expect(one != other)
}
