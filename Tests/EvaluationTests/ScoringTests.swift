import Datasets
import Foundation
import Testing

@testable import Evaluation

/// A pair that the public evaluation scored.
struct ScoredPair: Decodable {
    var reference: String
    var prediction: String
    var normalized_reference: String
    var normalized_prediction: String
    var exact_match: Double
    var f1: Double
    var precision: Double
    var recall: Double
    var bleu: [Double]
    var closed_correct: Bool

    static func all() throws -> [ScoredPair] { try JSONDecoder().decode([ScoredPair].self, from: Fixture.data("pairs.json")) }
}

@Suite struct ScoringTests {
    @Test("400 pairs have the public evaluation's scores to the last digit")
    func publicScores() throws {
        let pairs = try ScoredPair.all()
        #expect(pairs.count == 400)
        for pair in pairs {
            let score = AnswerScore(reference: pair.reference, prediction: pair.prediction)
            #expect(AnswerNormalisation.normalised(PythonStrings.lower(pair.reference)) == pair.normalized_reference)
            #expect(AnswerNormalisation.normalised(PythonStrings.lower(pair.prediction)) == pair.normalized_prediction)
            #expect(score.closedCorrect == pair.closed_correct, "\(pair)")
            #expect(score.overlap.exactMatch == pair.exact_match, "\(pair)")
            #expect(score.overlap.precision == pair.precision && score.overlap.recall == pair.recall && score.overlap.f1 == pair.f1, "\(pair)")
            #expect(score.bleu == pair.bleu, "\(pair)")
        }
    }

    @Test func tablesAreThoseOfThePublicEvaluation() throws {
        struct Tables: Decodable {
            var contractions: [String: String]
            var number_words: [String: String]
            var articles: [String]
            var punctuation: [String]
        }
        let tables = try JSONDecoder().decode(Tables.self, from: Fixture.data("normalisation.json"))
        #expect(NormalisationTables.contractions == tables.contractions)
        #expect(NormalisationTables.numberWords == tables.number_words)
        #expect(NormalisationTables.articles == Set(tables.articles))
        #expect(NormalisationTables.punctuation.map { String($0) } == tables.punctuation)
    }

    @Test("What no pair shows: the expected values are those of Python", arguments: [
        ("a. b .5 3.5 4.", "b .5 3.5 4"), ("left,right", "left right"), ("left, right,up", "left rightup"), ("1,000 left;right", "1000 leftright"),
        ("x-ray - chest", "xray chest"), ("pa\u{1F}xray\u{A0}a", "pa xray"), ("٣,٤ a;b", "٣٤ ab"), ("e.٣ f.", "e.٣ f"), ("dont", "don't"), ("none", "0"),
        (String(repeating: ".", count: 40), "........"), ("", ""), ("the a an", ""),
    ])
    func normalisation(text: String, normal: String) {
        #expect(AnswerNormalisation.normalised(text) == normal)
    }

    @Test func lowerCaseIsPythons() {
        #expect(PythonStrings.lower("ΑΣ ΣΑ Σ ΑΣ.") == "ας σα σ ας.")
        #expect(PythonStrings.lower("ΑΣΑ") == "ασα")
        #expect(PythonStrings.lower("İ") == "i\u{307}")
    }

    @Test func closedAnswersAreComparedByCodePoints() {
        #expect(AnswerScore(reference: "No", prediction: "two nos").closedCorrect)
        #expect(!AnswerScore(reference: "no", prediction: "yes").closedCorrect)
        // A composed letter is no substring of its decomposed form, though Swift's strings are equal.
        #expect(!AnswerScore(reference: "\u{E9}", prediction: "e\u{301}").closedCorrect)
        #expect(AnswerScore(reference: "e", prediction: "e\u{301}").closedCorrect)
    }

    @Test func anEmptyPredictionScoresNothing() {
        let score = AnswerScore(reference: "ct", prediction: "")
        #expect(score.overlap == WordOverlap(prediction: "", reference: ""))
        #expect(score.overlap.recall == 0 && score.overlap.exactMatch == 0 && score.bleu == [0, 0, 0] && !score.closedCorrect)
    }
}
