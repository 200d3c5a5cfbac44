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
    /// Folder that the images' paths start from.
    let images: ImageFolder
    let skipsBad: Bool
    let threads: Int
    /// The course's log.
    let log: String

    /// The scores of the model in `folder`, from the file beside it or else from its answers.
    func scores(of folder: String, title: String) async throws -> SavedScores {
        let path = "\(folder).evaluation.json"
        if FileManager.default.fileExists(atPath: path) {
            Terminal.note("\(title): was asked already, \(path)")
        } else {
            try LoadOutput.write(try await report(of: folder, title: title).rendered(), to: path)
        }
        return try SavedScores(contentsOf: path)
    }

    /// What the sets are called: by their folders, or by their paths where two share a folder.
    private var names: [String] {
        let short = files.map { NamedFile(argument: $0)?.name ?? $0 }
        return Set(short).count == files.count ? short : files
    }

    private func report(of folder: String, title: String) async throws -> EvaluationReport {
        let checked = try DataValidation(rules: DataRules(images: images, needsAnswerType: true), skipsBad: skipsBad).run(files: files)
        let sets = zip(names, checked.files).map { (name: $0, conversations: $1.conversations) }
        let collected = Collected()
        let source = try SourceOptions.parse(["--model", folder, "--threads", "\(threads)"])
        let start = ContinuousClock.now
        try await source.withAnswerer { [images] answerer in
            let evaluation = ModelEvaluation(questioner: Questioner(engine: answerer.engine), images: images)
            for set in sets {
                let progress = SharedProgress("\(title) on \(set.name)", total: set.conversations.count)
                await collected.add(
                    try await evaluation.run(name: set.name, conversations: set.conversations) { progress.advance() }, answerer.domains)
            }
        }
        let outcomes = await collected.outcomes
        let report = EvaluationReport(
            settings: .init(model: folder, maximumTokens: 16, aspect: "config", bootstrap: Bootstrap()), datasets: outcomes.map(\.report),
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
        progress.record(.evaluation(EvaluationRecord(stage: title, datasets: Dictionary(uniqueKeysWithValues: scores))))
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
