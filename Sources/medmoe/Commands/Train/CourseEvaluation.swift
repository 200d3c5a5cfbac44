import ArgumentParser
import Datasets
import Evaluation
import Foundation
import MedMoE
import Training

/// Asks a course's models the held-out questions, each model once: what it scored is kept beside its folder, `OUT/STEP.evaluation.json`.
struct CourseEvaluation {
    /// Conversation files that are kept apart.
    let files: [String]
    /// Conversation files of questions that were learnt from.
    let training: [String]
    /// Folder that the images' paths start from.
    let images: ImageFolder
    let skipsBad: Bool
    let threads: Int
    /// The course's log.
    let log: String
    /// What is asked; read when the first model is.
    var questions: CourseQuestions?

    /// The scores of the model in `folder`, from the file beside it where that is of this very model, or else from its answers.
    mutating func scores(of folder: String, title: String) async throws -> SavedScores {
        let path = "\(folder).evaluation.json"
        let model = try EvaluatedModel(folder)
        if FileManager.default.fileExists(atPath: path) {
            let saved = try SavedScores(contentsOf: path)
            if saved.digest == model.digest {
                Terminal.note("\(title): was asked already, \(path)")
                return saved
            }
            // Earlier versions did not say of which.
            Terminal.note("\(title): is asked again: \(path) is of another model, or does not say of which")
        }
        try LoadOutput.write(try await report(on: model, in: folder, title: title).rendered(), to: path)
        return try SavedScores(contentsOf: path)
    }

    private mutating func checkedQuestions() throws -> CourseQuestions {
        if let questions { return questions }
        let read = try CourseQuestions(files, training: training, images: images, skipsBad: skipsBad)
        questions = read
        return read
    }

    private mutating func report(on model: EvaluatedModel, in folder: String, title: String) async throws -> EvaluationReport {
        let questions = try checkedQuestions()
        let sets = questions.sets
        let collected = Collected()
        let source = try SourceOptions.parse(["--model", folder, "--threads", "\(threads)"])
        let start = ContinuousClock.now
        try await source.withAnswerer { [images] answerer in
            let evaluation = ModelEvaluation(questioner: Questioner(engine: answerer.engine), images: images)
            for set in sets {
                let progress = SharedProgress("\(title) on \(set.name)", total: set.conversations.count)
                let outcome = try await evaluation.run(name: set.name, conversations: set.conversations, training: set.training) {
                    progress.advance()
                }
                await collected.add(outcome, answerer.domains)
            }
        }
        let outcomes = await collected.outcomes
        let report = EvaluationReport(
            settings: .init(model: folder, digest: model.digest, maximumTokens: 16, aspect: "config", bootstrap: Bootstrap()),
            datasets: outcomes.map(\.report), parameters: model.parameters, skipped: questions.skipped,
            degraded: outcomes.flatMap(\.summaries).count { $0.degraded }, seconds: start.milliseconds(to: .now) / 1000)
        let routed = zip(sets.flatMap(\.conversations), outcomes.flatMap(\.summaries)).map { (conversation: $0, summary: $1) }
        try record(report, DomainRouting(routed, experts: await collected.domains), title)
        return report
    }

    private func record(_ report: EvaluationReport, _ routing: DomainRouting?, _ title: String) throws {
        let progress = try LearningProgress(title: title, log: log)
        let scores = report.datasets.map { set in
            (set.name, EvaluationRecord.Scores(closedAccuracy: set.overall.closedAccuracy?.value, openRecall: set.overall.openRecall?.value))
        }
        // A recipe has no file twice; if two names were equal all the same, that would be no reason to lose the scores.
        progress.record(.evaluation(EvaluationRecord(stage: title, datasets: Dictionary(scores) { first, _ in first })))
        if let routing {
            progress.record(
                .routing(
                    RoutingRecord(
                        stage: title, layers: routing.layers, experts: routing.experts, domains: routing.domains, counts: routing.counts)))
        }
    }

    /// Carries what was found out of a closure that runs elsewhere.
    private actor Collected {
        var outcomes: [ModelEvaluation.Outcome] = []
        var domains: [String] = []

        func add(_ outcome: ModelEvaluation.Outcome, _ domains: [String]) {
            outcomes.append(outcome)
            self.domains = domains
        }
    }
}
