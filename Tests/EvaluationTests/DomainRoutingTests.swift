import Datasets
import MedMoE
import Testing

@testable import Evaluation

@Suite struct DomainRoutingTests {
    @Test func tokensAreCountedByLayerDomainAndExpert() throws {
        let table = try #require(
            DomainRouting(
                [
                    answer("MRI", [(0, 1, 5), (2, 0, 3)]), answer("MRI", [(0, 1, 2), (0, 0, 1)]), answer("Ultrasound", [(2, 1, 4)]),
                    answer(nil, [(0, 0, 100)]),
                ], experts: ["CT", "MRI"]))
        #expect(table.layers == [0, 2])
        #expect(table.experts == ["CT", "MRI"])
        #expect(table.domains == ["MRI", "Ultrasound"])
        #expect(table.counts == [[[1, 7], [0, 0]], [[3, 0], [0, 4]]])
    }

    @Test func aDenseModelHasNoTable() {
        #expect(DomainRouting([answer("CT", [])], experts: []) == nil)
    }

    private func answer(_ modality: String?, _ routing: [(Int, Int, Int)]) -> (conversation: Conversation, summary: AnswerSummary) {
        let conversation = Conversation(id: "q", image: "i.png", turns: [.init(question: "?", answer: "a")], modality: modality)
        let summary = AnswerSummary(
            answer: "a", tokenIDs: [], promptTokens: 1, finish: .stop, modelDigest: "",
            routing: routing.map { .init(layer: $0.0, expert: $0.1, worker: "", tokens: $0.2) }, timings: .init())
        return (conversation, summary)
    }
}
