import Foundation
import Imaging
import Language
import MedMoE
import Testing

@testable import Load

@Suite struct ArrivalTests {
    @Test("gaps are exponential: mean, spread and distribution are those of the rate", arguments: [UInt64(0), 1, 7])
    func exponentialGaps(seed: UInt64) {
        let rate = 25.0
        let times = Array(PoissonArrivals(rate: rate, seed: seed).prefix(20_000))
        let gaps = zip([0] + times, times).map { $1 - $0 }
        #expect(gaps.allSatisfy { $0 >= 0 })
        let mean = gaps.reduce(0, +) / Double(gaps.count)
        #expect(abs(mean * rate - 1) < 0.03)
        let variance = gaps.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(gaps.count)
        #expect(abs(variance.squareRoot() / mean - 1) < 0.05)
        // Kolmogorov and Smirnov: one in a million exceeds 2.7 / √n.
        let sorted = gaps.sorted()
        let count = Double(sorted.count)
        var distance = 0.0
        for (index, gap) in sorted.enumerated() {
            let expected = 1 - exp(-rate * gap)
            distance = max(distance, abs(Double(index) / count - expected))
        }
        #expect(distance < 2.7 / count.squareRoot())
    }

    @Test("the same seed gives the same times, another seed others")
    func seeds() {
        func times(_ seed: UInt64) -> [Double] { Array(PoissonArrivals(rate: 3, seed: seed).prefix(50)) }
        #expect(times(4) == times(4))
        #expect(times(4) != times(5))
    }
}

@Suite struct MixTests {
    private func drawn(_ weights: [(String, Double)], words: ClosedRange<Int> = 4...24) -> RequestMix.Questions {
        .drawn(DrawnQuestions(modalities: weights.enumerated().map { index, entry in
            .init(name: entry.0, weight: entry.1, images: entry.0.isEmpty ? [] : [[UInt8(index)]])
        }, words: words))
    }

    private func text(_ request: AnswerRequest) -> String {
        if case .conversation(let turns) = request.task { turns.last?.text ?? "" } else { "" }
    }

    @Test("a request depends on seed and number only")
    func requestsAreReproducible() {
        func mix(_ seed: UInt64) -> RequestMix { RequestMix(questions: drawn([("CT", 1), ("MRI", 1)]), tokens: 4...400, seed: seed) }
        func same(_ a: AnswerRequest, _ b: AnswerRequest) -> Bool {
            a.task == b.task && a.images == b.images && a.maximumTokens == b.maximumTokens && a.sampling == b.sampling
        }
        for number in [0, 1, 99] { #expect(same(mix(3).request(number, id: "a"), mix(3).request(number, id: "b"))) }
        #expect(!same(mix(3).request(0, id: ""), mix(3).request(1, id: "")))
        #expect(!same(mix(3).request(0, id: ""), mix(4).request(0, id: "")))
    }

    @Test("lengths are spread over the whole range, modalities follow their weights, and the question names its own")
    func drawnMix() {
        let mix = RequestMix(questions: drawn([("CT", 3), ("MRI", 1), ("", 1), ("unused", 0)], words: 6...20), tokens: 8...16, temperature: 8)
        let requests = (0..<4000).map { mix.request($0, id: "") }
        #expect(Set(requests.map(\.maximumTokens)) == Set(8...16))
        #expect(requests.allSatisfy { $0.sampling.temperature == 8 })
        func share(_ image: [[UInt8]]) -> Double { Double(requests.count { $0.images == image }) / 4000 }
        #expect(abs(share([[0]]) - 0.6) < 0.03 && abs(share([[1]]) - 0.2) < 0.03 && abs(share([]) - 0.2) < 0.03)
        #expect(requests.allSatisfy { $0.images != [[0]] || text($0).contains(" CT ") })
        #expect(requests.allSatisfy { !text($0).contains("unused") })
        let lengths = requests.map { text($0).split(separator: " ").count }
        #expect(lengths.min() ?? 0 < 10 && lengths.max() ?? 0 > 15 && Set(lengths).count > 8)
    }

    @Test("listed questions are asked in turn, with the length that the model chooses unless one is given")
    func listedMix() {
        let list = (0..<3).map { RequestMix.Listed(turns: [.init(.user, "question \($0)")], images: []) }
        let mix = RequestMix(questions: .listed(list), deadlineMilliseconds: 77)
        let requests = (0..<7).map { mix.request($0, id: "\($0)") }
        #expect(requests.map(text) == [0, 1, 2, 0, 1, 2, 0].map { "question \($0)" })
        #expect(requests.allSatisfy { $0.maximumTokens == 128 && $0.sampling.temperature == 0 && $0.deadlineMilliseconds == 77 })
    }

    @Test("made pictures are images that decode, and differ by their seed", arguments: [(1, 1), (160, 160), (33, 700)])
    func syntheticImages(width: Int, height: Int) throws {
        let file = SyntheticImage.png(width: width, height: height, seed: 5)
        let image = try ImageDecoder().decode(file, named: "made.png")
        #expect(image.width == width && image.height == height)
        #expect(SyntheticImage.png(width: width, height: height, seed: 6) != file)
    }
}
