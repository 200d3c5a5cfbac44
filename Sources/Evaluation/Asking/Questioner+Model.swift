import Checkpoints
import MedMoE

extension Questioner {
    /// A questioner of a checkpoint that runs in this process, experts and all; for training, which has just written it.
    ///
    /// - Parameters:
    ///   - folder: a complete checkpoint.
    ///   - threads: threads that compute.
    /// - Throws: what `MedMoEModel` and `ExpertBank` throw, each naming the file.
    public init(
        checkpoint folder: CheckpointFolder, options: MedMoEModel.Options = MedMoEModel.Options(), threads: Int, concurrency: Int = 16
    ) throws {
        let model = try MedMoEModel(folder: folder, options: options)
        let bank = try ExpertBank(source: folder.model, configuration: model.configuration)
        let engine = InferenceEngine(
            model: model, options: EngineOptions(threads: threads, maximumRunning: max(1, concurrency)),
            dispatch: { LocalExpertDispatch(bank: bank, context: $0) })
        self.init(engine: engine, concurrency: concurrency)
    }
}
