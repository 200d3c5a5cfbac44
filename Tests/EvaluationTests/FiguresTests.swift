import Datasets
import Foundation
import Testing

@testable import Evaluation

@Suite struct BootstrapTests {
    @Test func theIntervalOfAMeanHasTheWidthOfTheory() throws {
        // 300 of 400: the standard error is √(0.75 · 0.25 / 400) = 2.165 %.
        let estimate = try #require(Bootstrap().mean((0..<400).map { $0 < 300 ? 1 : 0 }))
        #expect(estimate.value == 75 && estimate.n == 400)
        #expect(abs((estimate.high - estimate.low) / 2 - 1.96 * 2.165) < 0.35)
        #expect(estimate.low < 75 && estimate.high > 75)
    }

    @Test func theSameSeedGivesTheSameIntervalAndAnotherSeedAnother() {
        let scores = (0..<101).map { Double($0 * $0 * 7919 % 1009) / 1009 }
        #expect(Bootstrap(seed: 5).mean(scores) == Bootstrap(seed: 5).mean(scores))
        #expect(Bootstrap(seed: 5).mean(scores)?.low != Bootstrap(seed: 6).mean(scores)?.low)
    }

    @Test func nothingHasNoFigureAndSamenessNoWidth() {
        #expect(Bootstrap().mean([]) == nil)
        #expect(Bootstrap().mean([0.5, 0.5]) == Estimate(value: 50, low: 50, high: 50, n: 2))
        #expect(Bootstrap(resamples: 3).resamples == 1000)
    }

    @Test func percentilesLieBetweenOrderStatistics() {
        #expect(Bootstrap.percentile([0, 10, 20, 30], 0.5) == 15)
        #expect(Bootstrap.percentile([0, 10, 20, 30], 1) == 30)
        #expect(Bootstrap.percentile([], 0.5) == nil)
    }
}

@Suite struct ReportTests {
    private func answer(_ reference: String, _ prediction: String, _ type: Conversation.AnswerType, modality: String?) throws -> ScoredAnswer {
        try #require(ScoredAnswer(conversation: Fixture.answer(reference, type, modality: modality), prediction: prediction))
    }

    @Test func groupsAreScoredByThemselvesAndUnlabelledOnesTogether() throws {
        let answers = [
            try answer("yes", "yes", .closed, modality: "CT"), try answer("no", "yes", .closed, modality: "CT"),
            try answer("left lung", " the lung ", .open, modality: "MRI"), try answer("brain", "liver", .open, modality: nil),
        ]
        let report = DatasetReport(name: "x", answers: answers, training: nil, bootstrap: Bootstrap())
        #expect(report.overall.closedAccuracy?.value == 50 && report.overall.closedAccuracy?.n == 2)
        #expect(report.overall.openRecall?.value == 25 && report.overall.openRecall?.n == 2)
        #expect(report.byModality.keys.sorted() == ["CT", "MRI", "unknown"])
        #expect(report.byModality["CT"]?.openRecall == nil && report.byModality["MRI"]?.closedAccuracy == nil)
        #expect(report.byModality["MRI"]?.openRecall?.value == 50 && report.byModality["MRI"]?.openExactMatch?.value == 100)
        #expect(report.byOrgan.keys.sorted() == ["unknown"])
    }

    @Test func theJSONHasTheScoresAtTheirPlaces() throws {
        let answers = [try answer("yes", "yes", .closed, modality: "CT"), try answer("lung", "lung", .open, modality: nil)]
        let training = [Fixture.answer("no", .closed)]
        let report = EvaluationReport(
            settings: .init(model: "m", maximumTokens: 16, aspect: "config", bootstrap: Bootstrap()),
            datasets: [DatasetReport(name: "slake", answers: answers, training: training, bootstrap: Bootstrap())], seconds: 1)
        let json = try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(report)) as? [String: Any])
        let slake = try #require((json["datasets"] as? [String: Any])?["slake"] as? [String: Any])
        for key in ["closed_accuracy", "open_recall", "open_exact_match", "open_f1", "bleu_1", "bleu_2", "bleu_3"] {
            let figure = try #require(slake[key] as? [String: Double], "\(key)")
            #expect(figure.keys.sorted() == ["high", "low", "n", "value"])
        }
        #expect((slake["open_recall"] as? [String: Double])?["value"] == 100)
        #expect(((slake["by_modality"] as? [String: Any])?["CT"] as? [String: Any])?["closed_accuracy"] != nil)
        let baselines = try #require(slake["baselines"] as? [String: Any])
        #expect(baselines["closed_answer"] as? String == "no" && baselines["open_answer"] == nil)
        #expect(((baselines["most_frequent"] as? [String: Any])?["closed_accuracy"] as? [String: Double])?["value"] == 0)
        #expect(json["unit"] as? String == "percent")
    }
}

@Suite struct TextBaselineTests {
    private let training = [
        Fixture.conversation("Is it?", "Yes", .closed), Fixture.conversation("Is it large?", "no", .closed), Fixture.conversation("Is it?", "yes", .closed),
        Fixture.conversation("Which organ?", "Lung"), Fixture.conversation("Which organ?", "liver"), Fixture.conversation("Where?", "left"),
        Fixture.conversation("Where?", "LEFT"), Fixture.conversation("Which organ?", "lung"),
    ]

    @Test func answersAreTheMostFrequentOnesLetterCaseIgnored() {
        let baselines = TextBaselines(training: training)
        #expect(baselines.mostFrequentAnswer(.closed) == "yes")
        // As often as "left", and first.
        #expect(baselines.mostFrequentAnswer(.open) == "lung")
        #expect(baselines.answer(to: "WHERE?", .open) == "left")
        #expect(baselines.answer(to: "Is it large?", .closed) == "no")
        #expect(baselines.answer(to: "Anything else?", .closed) == "yes")
        #expect(TextBaselines(training: []).answer(to: "What?", .open) == nil)
    }

    @Test func withoutATrainingAnswerOfThatKindNothingIsRight() {
        let report = BaselineReport(
            [Fixture.conversation("Is it?", "yes", .closed)], training: [Fixture.answer("x")], bootstrap: Bootstrap())
        #expect(report.mostFrequent.table.closedAccuracy?.value == 0 && report.closedAnswer == nil)
    }

    @Test(
        "The baselines of the public sets have the published figures",
        .enabled(if: Fixture.shared != nil, "MEDMOE_SHARED is not set: the baselines of the public sets are not computed"),
        arguments: [
            ("vqa-rad", "no", "axial", [43.30, 3.37, 43.30, 2.25]), ("slake", "yes", "chest", [43.13, 8.72, 64.45, 51.35]),
            ("path-vqa", "yes", "oral", [53.06, 4.51, 67.47, 12.78]),
        ])
    func publishedBaselines(set: String, closed: String, open: String, figures: [Double]) throws {
        let folder = try #require(Fixture.shared) + "/data/\(set)"
        let data = try DataValidation(rules: .init()).run(files: ["\(folder)/dev.json", "\(folder)/train.json"])
        let report = BaselineReport(data.files[0].conversations, training: data.files[1].conversations, bootstrap: Bootstrap())
        #expect(report.closedAnswer == closed && report.openAnswer == open)
        let found = [report.mostFrequent.closedExact, report.mostFrequent.openExact, report.questionOnly.closedExact, report.questionOnly.openExact]
        #expect(found.map { (100 * ($0?.value ?? -1)).rounded() / 100 } == figures)
    }
}
