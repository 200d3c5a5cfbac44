import Foundation
import Testing

@testable import Language

@Suite struct GenerationTests {
    @Test func theRandomNumbersAreThePublishedSequence() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(
            (0..<5).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ])
    }

    @Test func theExponentialIsAccurate() {
        var random = SplitMix64(seed: 1)
        for _ in 0..<20_000 {
            let x = -random.nextUnit() * 700
            #expect(abs(PortableExponential.exp(x) / exp(x) - 1) < 4 * Double.ulpOfOne)
        }
        #expect(PortableExponential.exp(0) == 1 && PortableExponential.exp(-1000) == 0 && PortableExponential.exp(-.infinity) == 0)
    }

    private func counts(_ logits: [Float], _ parameters: SamplingParameters, draws: Int = 20_000) throws -> [Int] {
        var sampler = Sampler(parameters)
        var counts = [Int](repeating: 0, count: logits.count)
        for _ in 0..<draws { counts[try sampler.next(logits)] += 1 }
        return counts
    }

    @Test func greedyTakesTheLowestIndexAmongTheHighest() throws {
        var sampler = Sampler(.greedy)
        #expect(try sampler.next([1, 3, 3, -.infinity]) == 1)
        #expect(try sampler.next([-.infinity, -5]) == 1)
    }

    @Test func unusableLogitsAreTypedErrors() throws {
        for parameters in [SamplingParameters.greedy, try SamplingParameters(temperature: 1, topK: 2, topP: 0.5)] {
            var sampler = Sampler(parameters)
            #expect(throws: SamplingError.noLogits) { try sampler.next([]) }
            #expect(throws: SamplingError.badLogit(token: 1, value: "nan")) { try sampler.next([0, .nan]) }
            #expect(throws: SamplingError.badLogit(token: 0, value: "inf")) { try sampler.next([.infinity, 0]) }
            #expect(throws: SamplingError.noCandidate) { try sampler.next([-.infinity, -.infinity]) }
        }
    }

    @Test func parametersOutOfRangeAreTypedErrors() {
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: -0.1) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: .nan) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: .infinity) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: 1, topK: -1) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: 1, topP: 0) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: 1, topP: 1.01) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: 1, topP: .nan) }
    }

    @Test func drawsFollowTheSoftmaxAtTheGivenTemperature() throws {
        let logits: [Float] = [0, 2, 1, -.infinity, -1]
        for temperature in [0.5, 1, 2] {
            let weights = logits.map { exp(Double($0) / temperature) }
            let sum = weights.reduce(0, +)
            let counts = try counts(logits, SamplingParameters(temperature: temperature, seed: 42))
            for (count, weight) in zip(counts, weights) {
                let expected = weight / sum * 20_000
                #expect(abs(Double(count) - expected) <= 5 * expected.squareRoot())
            }
        }
    }

    @Test func topKKeepsExactlyKAndTheLowerIndexAmongEquals() throws {
        let counts = try counts([1, 2, 1, 2, 1], SamplingParameters(temperature: 1, topK: 3, seed: 3))
        #expect(counts[0] > 0 && counts[1] > 0 && counts[3] > 0 && counts[2] == 0 && counts[4] == 0)
        #expect(try self.counts([1, 2, 1], SamplingParameters(temperature: 5, topK: 1)) == [0, 20_000, 0])
    }

    @Test func topPKeepsTheSmallestSetThatReachesTheShare() throws {
        // Probabilities 0.5, 0.3, 0.2, in another order.
        let logits = [0.2, 0.5, 0.3].map { Float(log($0)) }
        func kept(_ topP: Double, topK: Int = 0) throws -> [Bool] {
            try counts(logits, SamplingParameters(temperature: 1, topK: topK, topP: topP, seed: 5), draws: 2000).map { $0 > 0 }
        }
        #expect(try kept(0.1) == [false, true, false])
        #expect(try kept(0.45) == [false, true, false])
        #expect(try kept(0.55) == [false, true, true])
        #expect(try kept(0.75) == [false, true, true])
        #expect(try kept(0.85) == [true, true, true])
        // Of the two that top-k leaves, the first has 0.625: top-p comes after top-k.
        #expect(try kept(0.6, topK: 2) == [false, true, false])
        #expect(try kept(0.65, topK: 2) == [false, true, true])
    }

    @Test func theSameSeedGivesTheSameTokensAndAnotherSeedOthers() throws {
        var random = SplitMix64(seed: 8)
        let logits = (0..<1000).map { _ in Float(random.nextUnit() * 10) }
        func tokens(_ seed: UInt64) throws -> [Int] {
            var sampler = Sampler(try SamplingParameters(temperature: 0.8, topK: 50, topP: 0.9, seed: seed))
            return try (0..<20).map { _ in try sampler.next(logits) }
        }
        #expect(try tokens(1) == tokens(1))
        #expect(try tokens(1) != tokens(2))
        // From an independent program with another language's exp: every platform must give these.
        #expect(try Array(tokens(1).prefix(6)) == [553, 544, 224, 328, 328, 985])
    }

    @Test func stopStringsEndTheAnswerWhateverTheChunks() throws {
        let text = "one two\nUSER: three"
        for size in 1...text.utf8.count {
            var matcher = try StopStringMatcher(["\nUSER:", "four"])
            var answer = ""
            var stop: String?
            var start = text.startIndex
            while start < text.endIndex {
                let end = text.index(start, offsetBy: size, limitedBy: text.endIndex) ?? text.endIndex
                let output = matcher.push(String(text[start..<end]))
                answer += output.text
                stop = stop ?? output.stop
                start = end
            }
            #expect(answer + matcher.finish() == "one two" && stop == "\nUSER:", "chunks of \(size)")
        }
    }

    @Test func onlyAPossibleBeginningIsHeldBack() throws {
        var matcher = try StopStringMatcher(["aab", "END"])
        #expect(matcher.push("xa") == .init(text: "x", stop: nil))
        #expect(matcher.push("a") == .init(text: "", stop: nil))
        #expect(matcher.push("a") == .init(text: "a", stop: nil))
        #expect(matcher.push("c") == .init(text: "aac", stop: nil))
        #expect(matcher.push("EN") == .init(text: "", stop: nil))
        #expect(matcher.finish() == "EN")
    }

    @Test func ofSeveralStopStringsTheFirstCompleteOneCounts() throws {
        var first = try StopStringMatcher(["abcd", "bc"])
        #expect(first.push("xabcd") == .init(text: "xa", stop: "bc"))
        #expect(first.push("more") == .init(text: "", stop: nil) && first.finish() == "")
        var longest = try StopStringMatcher(["b", "ab"])
        #expect(longest.push("xab") == .init(text: "x", stop: "ab"))
        var overlapping = try StopStringMatcher(["aabaaab"])
        #expect(overlapping.push("aabaabaaab").text == "aab")
        var wide = try StopStringMatcher(["é"])
        #expect(wide.push("e\u{301}").stop == nil && wide.push("è").text + wide.push("é").text == "è")
    }

    @Test func randomStreamsStopWhereASearchWould() throws {
        var random = HostileText(seed: 31)
        for _ in 0..<400 {
            let text = (0..<40).map { _ in ["a", "b", "é"][random.below(3)] }.joined()
            let stops = (0..<(1 + random.below(3))).map { _ in (0..<(1 + random.below(5))).map { _ in ["a", "b", "é"][random.below(3)] }.joined() }
            var matcher = try StopStringMatcher(stops)
            var answer = ""
            for character in text { answer += matcher.push(String(character)).text }
            answer += matcher.finish()
            // The occurrence that ends first; among those the one that starts first.
            let ends = stops.compactMap { stop in text.range(of: stop).map { ($0.upperBound, $0.lowerBound) } }
            let expected = ends.min { $0 < $1 }.map { String(text[..<$0.1]) } ?? text
            #expect(answer == expected, "\(text) \(stops)")
        }
    }

    @Test func unusableStopStringsAreTypedErrors() {
        #expect(throws: StopStringMatcher.InvalidStopString.empty(index: 1)) { try StopStringMatcher(["a", ""]) }
        #expect(throws: StopStringMatcher.InvalidStopString.self) { try StopStringMatcher([String(repeating: "a", count: 70_000)]) }
        #expect(throws: StopStringMatcher.InvalidStopString.self) { try StopStringMatcher([String](repeating: "a", count: 65)) }
    }
}
