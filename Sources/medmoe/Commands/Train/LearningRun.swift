import Foundation
import Glibc
import Training

/// Runs a step of learning, with its log, and says how it went.
struct LearningRun {
    /// What the step is called.
    let title: String
    /// File that the log is appended to.
    let log: String

    /// - Parameter trainers: where experts learn in their step.
    func run(_ job: StageJob, trainers: TrainersOptions? = nil) async throws -> StageRunner.Result {
        // Before the log is begun: a refused job leaves nothing.
        try job.check()
        try job.checkOutput()
        // Ctrl-C in `medmoe train … | tee` ends tee first: a line of progress that nobody reads must not end us before the last checkpoint.
        signal(SIGPIPE, SIG_IGN)
        let progress = try LearningProgress(title: title, log: log)
        let settings = job.settings
        progress.record(
            .stage(
                StageRecord(
                    stage: title, event: .start,
                    settings: [
                        "step": .text(settings.step.rawValue), "epochs": .number(Double(settings.epochs)),
                        "batch": .number(Double(settings.batch)), "rate": .number(settings.rate), "seed": .number(Double(settings.seed)),
                        "threads": .number(Double(job.threads)),
                    ])))
        let start = ContinuousClock.now
        let result: StageRunner.Result
        if let trainers, job.settings.step == .experts, !job.staysDense {
            result = try await trainers.run(threads: job.threads) { try await StageRunner().run(job, observer: progress, fleet: $0) }
        } else {
            result = try await StageRunner().run(job, observer: progress)
        }
        let seconds = start.milliseconds(to: .now) / 1000
        progress.record(.stage(StageRecord(stage: title, event: .end, seconds: seconds)))
        if let modalities = result.modalities {
            progress.record(.confusion(ConfusionRecord(stage: title, labels: modalities.domains, counts: modalities.confusion)))
            Terminal.note(ModalityText.table(modalities, of: title))
        }
        if let traffic = result.traffic { Terminal.note("\(title): \(FleetText.summary(traffic))") }
        Terminal.note("\(title): done in \(String(format: "%.0f", seconds)) s, \(job.out)")
        return result
    }
}
