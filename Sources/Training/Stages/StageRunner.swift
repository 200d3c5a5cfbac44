import Checkpoints
import Crypto
import Foundation
import Tensors

/// Runs steps of learning on a thread of its own.
public actor StageRunner {
    private nonisolated let executor: ComputeExecutor

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public init() { executor = ComputeExecutor(name: "medmoe-learn") }

    deinit { executor.stop() }

    /// What a finished step tells.
    public struct Result: Sendable {
        /// Router and encoder steps, with held-out data: how well modalities are told there.
        public var modalities: ModalityReport?
        /// With trainers: what crossed the network.
        public var traffic: FleetTraffic?
    }

    /// Learns, and writes the model to `job.out`; from then on nothing of the work folder is left.
    ///
    /// - Throws: `DataRefusal`, `TrainingError`, `CheckpointError`, each naming the file; the checkpoints in `OUT.steps` stay, and the
    ///   same job goes on from the last of them.
    /// - Parameter fleet: makes what experts learn on, instead of in this process; for the experts step alone.
    public func run(
        _ job: StageJob, observer: any TrainingObserver, fleet makeFleet: (@Sendable () -> any ExpertFleet)? = nil
    ) async throws -> Result {
        try job.check()
        try job.checkOutput()
        let model = try LearnableModel(folder: CheckpointFolder(path: job.model))
        let data = try StageData(job.data, job: job, model: model, observer: observer)
        let context = TrainingContext(threads: job.threads)
        observer.computes(with: context.summary)
        let work = WorkFolder(path: job.out + ".steps", origin: "\(data.digest) \(try model.origin(job)) order \(BatchOrder.version)")
        // Before hours of work: what cannot be written is found now.
        try work.begin()
        defer { work.removeIfEmpty() }
        var result = Result()
        let learner: any StageLearner
        switch job.settings.step {
        case .encoder:
            // Before hours of work: bad held-out data is found now.
            let heldOut = try heldOutImages(job, model, observer)
            let encoder = try encoder(job, model, data, context, observer)
            try await loop(job, encoder, work, context, observer)
            if let (labelled, images) = heldOut {
                result.modalities = try encoder.measure(labelled, in: images, domains: job.shape.domains)
            }
            learner = encoder
        case .router:
            let (router, heldOut) = try await self.router(job, model, data, context, observer)
            try await loop(job, router, work, context, observer)
            if let heldOut { result.modalities = router.measure(heldOut, layers: job.layers(model), domains: job.shape.domains) }
            learner = router
        case .language, .align, .instruct, .experts:
            let fleet = job.settings.step == .experts && !job.staysDense ? makeFleet?() : nil
            learner = try conversation(job, model, data, context, observer, fleet)
            try await loop(job, learner, work, context, observer)
        }
        var lostTrainers = 0
        while true {
            do {
                try work.finish(learner.checkpoint().stored(as: job.dtype), as: job.out)
                result.traffic = await learner.remoteExperts?.fleet.traffic(isolation: self)
                return result
            } catch let lost as TrainerLost {
                lostTrainers += 1
                guard lostTrainers < StageLoop.mostLostTrainers else {
                    throw TrainingError.trainers(reason: "\(lost)", checkpoint: work.last)
                }
                // The lost trainer's experts are to be had again: by learning since the last checkpoint once more.
                observer.rolledBack(after: lost, to: try work.lastSaved(settings: job.settings)?.update ?? 0)
                try await loop(job, learner, work, context, observer)
            }
        }
    }

    private func loop(
        _ job: StageJob, _ learner: any StageLearner, _ work: WorkFolder, _ context: TrainingContext,
        _ observer: any TrainingObserver
    ) async throws {
        try await StageLoop(settings: job.settings, learner: learner, work: work, observer: observer, context: context).run()
    }
}

extension StageJob {
    /// File of the pre-trained router that gates begin with.
    var routerPath: String { router ?? "\(model)/\(PretrainedRouter.fileName)" }

    /// The layers that are, or become, mixtures.
    func layers(_ model: LearnableModel) -> [Int] {
        model.configuration.mixture?.layers ?? shape.mode.layers(of: model.configuration.layerCount)
    }
}

extension LearnableModel {
    /// Names what a run begins with besides its data.
    func origin(_ job: StageJob) throws -> String {
        let tensors = try folder.fingerprints().tensors.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        var text = tensors.joined(separator: "\n") + "\(job.shape) \(job.withoutRouter) \(job.staysDense) \(job.labelledExamples)"
        // One that cannot be read is refused where it is needed.
        if job.settings.step == .experts, let router = try? Data(contentsOf: URL(filePath: job.routerPath)) {
            text += "\(SHA256.hash(data: router))"
        }
        return SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
    }
}
