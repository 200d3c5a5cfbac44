import CKernels
import Checkpoints
import MedMoE
import Tensors

/// Projector and language backbone in training, on features that the image tower made.
public final class MultimodalNetwork {
    public let configuration: ModelConfiguration
    let language: LanguageNetwork
    let projector: ProjectorNetwork
    /// All parameters in this process, in a fixed order.
    public let parameters: [Parameter]
    private let context: TrainingContext

    /// Keeps only the inputs of layers and computes them again in the backward pass: less memory, a third more work.
    public var recomputes: Bool {
        get { language.recomputes }
        set { language.recomputes = newValue }
    }

    /// - Parameters:
    ///   - source: tensors with the published names.
    ///   - trainers: where experts learn; nil for this process.
    /// - Throws: `CheckpointError` for tensors that are missing or of the wrong shape.
    public init(
        _ source: any TensorSource, configuration: ModelConfiguration, trainers: (any ExpertTrainers)? = nil,
        _ context: TrainingContext
    ) throws {
        self.configuration = configuration
        self.context = context
        let reader = ParameterReader(source)
        let hasMeta = try AlwaysOnModule.isMetaExpert(source.names, configuration: configuration)
        language = try LanguageNetwork(
            reader, configuration: configuration, hasMeta: hasMeta, trainers: trainers, context)
        projector = try ProjectorNetwork(reader, configuration: configuration)
        parameters = reader.parameters
    }

    /// What one batch gave.
    public struct Outcome: Sendable {
        /// Sum of the targets' cross-entropies, in nats.
        public var loss: Double
        /// Number of targets.
        public var targets: Int
        /// Rows that were computed.
        public var rows: Int
    }

    /// Runs a batch forward and backward and collects the gradients of what learns.
    ///
    /// - Parameters:
    ///   - features: `[images · rows per image, tower width]`, in the order of `batch.images`; nil for text alone.
    ///   - factor: what the sum of the losses is multiplied by before its gradient: one by the number of targets of the step.
    public func learn(
        _ batch: PackedBatch, features: Rows?, factor: Float, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Outcome {
        let (input, kept) = try embed(batch, features)
        let forward = try await language.forward(input, batch.layout, targets: batch.targets)
        let (loss, gradient) = language.loss(forward, targets: batch.targets, factor: factor)
        let outcome = Outcome(loss: loss, targets: batch.targets.count, rows: batch.layout.rows)
        let projectorLearns = projector.parameters.contains { $0.learns }
        let needsInput = language.embeddings.learns || projectorLearns
        guard let dx = try await language.backward(gradient, forward, needsInput: needsInput) else { return outcome }
        if let gradient = language.embeddings.gradient {
            for token in batch.tokens { ck_add(gradient.row(token.token), dx.row(token.row), dx.width) }
        }
        if projectorLearns, let kept, let features {
            let rowsPerImage = features.count / max(1, batch.images.count)
            let gradient = Rows(count: features.count, width: dx.width)
            gradient.buffer.update(repeating: 0)
            for (row, image) in batch.imageRows {
                ck_add(gradient.row(image * rowsPerImage), dx.row(row), rowsPerImage * dx.width)
            }
            projector.backward(gradient, kept, context)
        }
        return outcome
    }

    /// Rows of a batch before the first layer, `[rows, hidden]`.
    func embed(_ batch: PackedBatch, _ features: Rows?) throws -> (rows: Rows, kept: ProjectorNetwork.Kept?) {
        let x = Rows(count: batch.layout.rows, width: configuration.hiddenSize)
        for token in batch.tokens {
            guard (0..<configuration.vocabularySize).contains(token.token) else {
                throw TrainingError.impossible(
                    "token \(token.token) is outside the vocabulary of \(configuration.vocabularySize): this tokenizer belongs to another model")
            }
            x.row(token.row).update(from: language.embeddings.value.row(token.token), count: x.width)
        }
        guard !batch.images.isEmpty else { return (x, nil) }
        guard let features, features.count % batch.images.count == 0 else {
            throw TrainingError.internalState("\(features?.count ?? 0) rows of features came for \(batch.images.count) images")
        }
        let (projected, kept) = projector.forward(features, context)
        let rowsPerImage = features.count / batch.images.count
        for (row, image) in batch.imageRows {
            x.row(row).update(from: projected.row(image * rowsPerImage), count: rowsPerImage * x.width)
        }
        return (x, kept)
    }
}
