import Training

/// Runs one step and tells how it went.
func learn(_ job: StageJob, _ options: TrainOptions, _ trainers: TrainersOptions? = nil) async throws {
    let log = options.log ?? job.out + ".log.jsonl"
    try await TerminationSignal.cancelling {
        _ = try await LearningRun(title: job.settings.step.rawValue, log: log).run(job, trainers: trainers)
    }
}
