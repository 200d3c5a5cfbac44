import Foundation
import Tensors

/// Updates the weights of a stage batch by batch, with checkpoints to continue from.
struct StageLoop {
    let settings: StageSettings
    let learner: any StageLearner
    let work: WorkFolder
    let observer: any TrainingObserver
    let context: TrainingContext

    /// - Throws: `TrainingError.notFinite` when loss or gradient are not numbers, `.notSaved` when a checkpoint cannot be written; the last good
    ///   checkpoint stays intact. `CancellationError`, after saving what was learnt.
    func run(isolation: isolated (any Actor)? = #isolation) async throws {
        let optimiser = AdamW(learner.parameters, settings: settings.optimiser)
        guard !optimiser.parameters.isEmpty else {
            throw TrainingError.impossible("nothing learns in \(settings.step.rawValue): the model has none of the parts that this step trains")
        }
        let updates = settings.epochs * learner.updatesPerEpoch
        let rate = LearningRate(peak: settings.rate, steps: updates, warmUp: settings.warmUp)
        var start = 0
        if let found = try work.resume(optimiser, settings: settings) {
            start = found.update
            observer.resumed(update: start, path: found.path)
        }
        var saved = start
        for update in start..<max(start, updates) {
            if Task.isCancelled {
                if settings.checkpointEvery > 0, update > saved { try save(optimiser, update) }
                throw CancellationError()
            }
            let clock = ContinuousClock.now
            let outcome = try await learner.learn(update: update, isolation: isolation)
            let norm = optimiser.squaredGradientNorm(context).squareRoot()
            guard outcome.loss.isFinite else { throw notFinite("the loss", update) }
            guard norm.isFinite else { throw notFinite("the gradient", update) }
            let now = rate(update)
            optimiser.step(rate: now, scale: clippingFactor(norm: norm, limit: settings.clip), context)
            let time = clock.duration(to: .now).components
            observer.updated(
                StepReport(
                    step: settings.step, update: update + 1, updates: updates, updatesPerEpoch: learner.updatesPerEpoch,
                    loss: outcome.loss, rate: Double(now), gradientNorm: norm, rows: outcome.rows,
                    seconds: Double(time.seconds) + Double(time.attoseconds) / 1e18))
            if settings.checkpointEvery > 0, (update + 1) % settings.checkpointEvery == 0, update + 1 < updates {
                try save(optimiser, update + 1)
                saved = update + 1
            }
        }
    }

    private func save(_ optimiser: AdamW, _ update: Int) throws {
        let path = try work.save(learner.checkpoint(dtype: .float32), optimiser, update: update, settings: settings)
        observer.saved(update: update, path: path)
    }

    private func notFinite(_ what: String, _ update: Int) -> TrainingError {
        work.suspect(update)
        return .notFinite(what: what, stage: settings.step.rawValue, step: update + 1, checkpoint: work.last)
    }
}
