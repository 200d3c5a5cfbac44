import Checkpoints
import Datasets
import Tensors

/// Next-token learning of projector and backbone: text alone, alignment, instructions, and experts.
final class ConversationLearner: StageLearner {
    let network: MultimodalNetwork
    private let model: LearnableModel
    private let settings: StageSettings
    private let sequences: [TrainingSequence]
    private let order: BatchOrder
    private let features: FeatureStore?
    private var epoch: (number: Int, batches: [[Int]])?
    private let source: any TensorSource
    private let config: JSONValue
    let remoteExperts: RemoteCourse?

    /// - Parameters:
    ///   - source: the tensors to begin with; config: what describes them. They differ from the model's folder after upcycling.
    ///   - sequences: examples, with images by number.
    ///   - features: nil for text alone.
    ///   - fleet: where experts learn; nil for this process. The network was made for it.
    init(
        _ model: LearnableModel, source: any TensorSource, config: JSONValue, network: MultimodalNetwork, settings: StageSettings,
        sequences: [TrainingSequence], features: FeatureStore?, fleet: (any ExpertFleet)? = nil
    ) {
        self.model = model
        self.source = source
        self.config = config
        self.network = network
        self.settings = settings
        self.sequences = sequences
        self.features = features
        remoteExperts = fleet.map { fleet in
            RemoteCourse(fleet: fleet, course: ExpertCourse(network.configuration, optimiser: settings.optimiser), source: source)
        }
        order = BatchOrder(
            lengths: sequences.map { $0.rows(rowsPerImage: model.rowsPerImage) }, batchSize: settings.batch, seed: settings.seed)
        network.recomputes = settings.recomputes
        for parameter in network.parameters {
            let learns = Self.learns(parameter.name, settings)
            if learns != parameter.learns { parameter.setLearns(learns) }
        }
    }

    var parameters: [Parameter] { network.parameters }
    var updatesPerEpoch: Int { order.batchesPerEpoch }

    func learn(update: Int, isolation: isolated (any Actor)?) async throws -> BatchOutcome {
        let examples = batch(update)
        let targets = examples.reduce(0) { $0 + sequences[$1].targetCount }
        var outcome = BatchOutcome(loss: 0, rows: 0)
        for first in stride(from: 0, to: examples.count, by: settings.microBatch) {
            let part = examples[first..<min(examples.count, first + settings.microBatch)].map { sequences[$0] }
            let packed = PackedBatch(part, rowsPerImage: model.rowsPerImage)
            let result = try await network.learn(
                packed, features: try imageFeatures(packed.images, update: update, first: first), factor: 1 / Float(max(1, targets)),
                isolation: isolation)
            outcome.loss += result.loss / Double(max(1, targets))
            outcome.rows += result.rows
        }
        return outcome
    }

    /// What the tower makes of some examples' images.
    ///
    /// - Parameter first: place of the first of these examples in the update's batch: micro-batches of one draw different augmentations.
    private func imageFeatures(_ images: [Int], update: Int, first: Int) throws -> Rows? {
        guard settings.augmentsImages else { return try features?.features(images) }
        let drawn = Augmentation.drawn(first + images.count, seed: settings.seed, update: update)
        return try features?.features(images, augmentations: Array(drawn.suffix(images.count)))
    }

    func checkpoint() throws -> PublishedCheckpoint {
        var checkpoint = try PublishedCheckpoint(of: model.folder)
        let base: any TensorSource = remoteExperts.map { remote in
            JoinedTensors([FleetTensors(remote.fleet, remote.course, [.value]) { _, name in name }, source])
        } ?? source
        checkpoint.model = try OverlaidTensors(base, network.parameters.filter(\.learns))
        checkpoint.config = config
        checkpoint.config["torch_dtype"] = .string("float32")
        return checkpoint
    }

    /// The examples of an update.
    private func batch(_ update: Int) -> [Int] {
        let number = update / updatesPerEpoch
        if epoch?.number != number { epoch = (number, order.batches(epoch: number)) }
        return epoch?.batches[update % updatesPerEpoch] ?? []
    }

    /// Whether a tensor learns in a step, as the public code has it.
    static func learns(_ name: String, _ settings: StageSettings) -> Bool {
        let isProjector = name.hasPrefix("model.mm_projector.")
        switch settings.step {
        case .align: return isProjector
        case .language: return !isProjector
        case .instruct: return true
        case .experts:
            if isProjector { return !settings.freezesProjector }
            // The FFNs of all layers, experts and always-on modules; not the gate, not the residual's coefficient.
            guard name.contains(".mlp.") else { return false }
            return !name.contains(".gate.wg.") && !name.contains(".mlp.coefficient.")
        case .encoder, .router: return false
        }
    }
}
