import Checkpoints
import Foundation
import Tensors

/// Updates the weights of a stage batch by batch, with checkpoints to continue from.
struct StageLoop {
    let settings: StageSettings
    let learner: any StageLearner
    let work: WorkFolder
    let observer: any TrainingObserver
    let context: TrainingContext

    /// Trainers that are lost in a row, without an update that was not made before, after which something else must be wrong.
    static let mostLostTrainers = 8

    private var updates: Int { settings.epochs * learner.updatesPerEpoch }

    /// - Throws: `TrainingError.notFinite` when loss or gradient are not numbers, `.notSaved` when a checkpoint cannot be written; the last good
    ///   checkpoint stays intact. `.trainers` when experts cannot go on learning elsewhere. `CancellationError`, after saving what was learnt.
    func run(isolation: isolated (any Actor)? = #isolation) async throws {
        do {
            try await learn()
        } catch let error where learner.remoteExperts != nil {
            switch error {
            case is TrainingError, is CheckpointError, is CancellationError: throw error
            // Whatever else a fleet has to say.
            default: throw TrainingError.trainers(reason: "\(error)", checkpoint: work.last)
            }
        }
    }

    private func learn(isolation: isolated (any Actor)? = #isolation) async throws {
        let local = AdamW(learner.parameters, settings: settings.optimiser)
        let remote = learner.remoteExperts
        guard !local.parameters.isEmpty || remote != nil else {
            throw TrainingError.impossible("nothing learns in \(settings.step.rawValue): the model has none of the parts that this step trains")
        }
        let optimiser = StageOptimiser(local, remote: remote.map { ($0.fleet, $0.course) }, context)
        let rate = LearningRate(peak: settings.rate, steps: updates, warmUp: settings.warmUp)
        var lostTrainers = 0
        var furthest = 0
        var next: Int?
        var saved = 0
        while true {
            do {
                let update: Int
                if let next { update = next } else {
                    update = try await begin(optimiser, isAnew: furthest > 0)
                    saved = update
                    next = update
                }
                if update >= updates { return }
                if Task.isCancelled {
                    if settings.checkpointEvery > 0, update > saved { try save(optimiser, update) }
                    throw CancellationError()
                }
                try await make(update, optimiser, rate: rate(update))
                next = update + 1
                if update + 1 > furthest { (furthest, lostTrainers) = (update + 1, 0) }
                if settings.checkpointEvery > 0, (update + 1) % settings.checkpointEvery == 0, update + 1 < updates {
                    try save(optimiser, update + 1)
                    saved = update + 1
                }
            } catch let lost as TrainerLost {
                lostTrainers += 1
                guard lostTrainers < Self.mostLostTrainers else { throw lost }
                observer.rolledBack(after: lost, to: try work.lastSaved(settings: settings)?.update ?? 0)
                next = nil
            }
        }
    }

    /// Takes everything to the last checkpoint, or to the beginning.
    ///
    /// - Parameter isAnew: whether updates were made already, which only a checkpoint can undo.
    /// - Returns: the updates that were made until then.
    private func begin(
        _ optimiser: StageOptimiser, isAnew: Bool, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Int {
        let found = try work.lastSaved(settings: settings)
        if isAnew, found == nil {
            throw TrainingError.impossible("a trainer was lost, and the checkpoints in \(work.path) are gone, too: begin again, with another --out")
        }
        if let found {
            try found.restore(optimiser.local)
            observer.resumed(update: found.update, path: found.path)
        }
        guard let remote = learner.remoteExperts else { return found?.update ?? 0 }
        let shapes = Dictionary(uniqueKeysWithValues: remote.course.tensors.map { ($0.name, $0.shape) })
        let shares = try await remote.fleet.begin(
            remote.course, steps: found?.update ?? 0,
            state: { name, state in
                let shape = shapes[name] ?? []
                if let found { return try found.tensor(state, name, shape: shape) }
                return state == .value ? try remote.source.tensor(name, shape: shape).float32() : nil
            }, isolation: isolation)
        observer.shared(shares)
        // Where a trainer may be lost, the beginning is a checkpoint, too: what this process holds must go back with the others.
        if found == nil { try save(optimiser, 0) }
        return found?.update ?? 0
    }

    private func make(
        _ update: Int, _ optimiser: StageOptimiser, rate: Float, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        let clock = ContinuousClock.now
        let outcome = try await learner.learn(update: update, isolation: isolation)
        let norm = try await optimiser.norm()
        guard outcome.loss.isFinite else { throw notFinite("the loss", update) }
        guard norm.isFinite else { throw notFinite("the gradient", update) }
        try await optimiser.step(rate: rate, scale: clippingFactor(norm: norm, limit: settings.clip))
        let time = clock.duration(to: .now).components
        observer.updated(
            StepReport(
                step: settings.step, update: update + 1, updates: updates, updatesPerEpoch: learner.updatesPerEpoch,
                loss: outcome.loss, rate: Double(rate), gradientNorm: norm, rows: outcome.rows,
                seconds: Double(time.seconds) + Double(time.attoseconds) / 1e18))
    }

    private func save(_ optimiser: StageOptimiser, _ update: Int) throws {
        let path = try work.save(learner.checkpoint(), optimiser, update: update, settings: settings)
        observer.saved(update: update, path: path)
    }

    private func notFinite(_ what: String, _ update: Int) -> TrainingError {
        work.suspect(update)
        return .notFinite(what: what, stage: settings.step.rawValue, step: update + 1, checkpoint: work.last)
    }
}
