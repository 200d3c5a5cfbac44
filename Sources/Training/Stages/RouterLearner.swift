import CKernels
import Checkpoints
import Datasets
import Tensors

/// The gate before it is one: a linear layer that tells the modality from the hidden states that mixture layers see.
///
/// For each mixture layer the logits are averaged over the tokens of the prompt, image included; as the layer is linear, that is the
/// layer applied to the mean hidden state. The loss is the cross-entropy summed over the layers.
final class RouterLearner: StageLearner {
    /// Examples as the router sees them.
    struct Examples {
        /// Mean hidden states, `[examples · layers, hidden]`, an example's layers behind each other.
        let means: Rows
        let labels: [Int]
        /// Path of each example's image.
        let images: [String]
    }

    private let router: LinearLayer
    private let examples: Examples
    private let layerCount: Int
    private let order: BatchOrder
    private let model: LearnableModel
    private let context: TrainingContext
    private var epoch: (number: Int, batches: [[Int]])?

    /// - Parameter layers: how many mixture layers the examples have.
    init(
        _ model: LearnableModel, examples: Examples, layers: Int, domains: Int, settings: StageSettings, _ context: TrainingContext
    ) {
        self.model = model
        self.examples = examples
        self.context = context
        layerCount = layers
        let hidden = model.configuration.hiddenSize
        var initial = Initialisation(seed: settings.seed)
        router = LinearLayer(
            weight: Parameter(name: PretrainedRouter.weightName, shape: [domains, hidden], value: initial.linear(domains, hidden)),
            bias: Parameter(name: PretrainedRouter.biasName, shape: [domains], value: initial.bias(domains, inner: hidden)))
        for parameter in router.parameters { parameter.setLearns(true) }
        order = BatchOrder(
            lengths: Array(repeating: 1, count: examples.labels.count), batchSize: settings.batch, seed: settings.seed)
    }

    var parameters: [Parameter] { router.parameters }
    var updatesPerEpoch: Int { order.batchesPerEpoch }

    func learn(update: Int, isolation: isolated (any Actor)?) async throws -> BatchOutcome {
        let number = update / updatesPerEpoch
        if epoch?.number != number { epoch = (number, order.batches(epoch: number)) }
        let batch = epoch?.batches[update % updatesPerEpoch] ?? []
        let x = Rows(count: batch.count * layerCount, width: examples.means.width)
        for (place, example) in batch.enumerated() {
            x.row(place * layerCount).update(from: examples.means.row(example * layerCount), count: layerCount * x.width)
        }
        let logits = router.forward(x, context)
        var loss = 0.0
        for row in 0..<logits.count {
            loss += ck_cross_entropy(
                logits.row(row), logits.width, examples.labels[batch[row / layerCount]], 1 / Float(max(1, batch.count)))
        }
        router.collect(logits, input: x, context)
        return BatchOutcome(loss: loss / Double(max(1, batch.count)), rows: x.count)
    }

    func checkpoint() throws -> PublishedCheckpoint {
        var checkpoint = try PublishedCheckpoint(of: model.folder)
        checkpoint.tensorFiles[PretrainedRouter.fileName] = MemoryTensors(
            try Dictionary(uniqueKeysWithValues: router.parameters.map { ($0.name, try $0.tensor()) }))
        return checkpoint
    }

    /// How well the router does on examples that it did not learn from.
    func measure(_ examples: Examples, layers: [Int], domains: [String]) -> ModalityReport {
        let logits = router.forward(examples.means, context)
        var report = ModalityReport(domains: domains, layers: layers)
        var byImage: [String: (label: Int, sums: [Float])] = [:]
        for (example, label) in examples.labels.enumerated() {
            var sums = [Float](repeating: 0, count: domains.count)
            for layer in 0..<layerCount {
                let row = Array(UnsafeBufferPointer(start: logits.row(example * layerCount + layer), count: domains.count))
                if row.firstIndex(of: row.max() ?? 0) == label { report.correctByLayer[layer] += 1 }
                for index in sums.indices { sums[index] += row[index] }
            }
            report.examples += 1
            if sums.firstIndex(of: sums.max() ?? 0) == label { report.correct += 1 }
            let known = byImage[examples.images[example]]?.sums ?? [Float](repeating: 0, count: domains.count)
            byImage[examples.images[example]] = (label, zip(known, sums).map { $0 + $1 })
        }
        for (label, sums) in byImage.values {
            let guess = sums.firstIndex(of: sums.max() ?? 0) ?? 0
            report.images += 1
            if guess == label { report.correctImages += 1 }
            report.confusion[label][guess] += 1
        }
        return report
    }
}

/// A router as the Med-MoE authors publish it.
enum PretrainedRouter {
    static let fileName = "router.safetensors"
    static let weightName = "fc1.weight"
    static let biasName = "fc1.bias"

    /// Reads a router for `domains` experts of a backbone of width `hidden`.
    ///
    /// - Throws: `CheckpointError` that names the file, the tensor and both shapes.
    static func read(_ path: String, domains: Int, hidden: Int) throws -> (weight: Tensor, bias: Tensor) {
        let source: any TensorSource = path.hasSuffix(".safetensors")
            ? try SafetensorsFile(path: path) : try TorchArchive(path: path)
        return (
            try source.tensor(weightName, shape: [domains, hidden]).float32(), try source.tensor(biasName, shape: [domains]).float32()
        )
    }
}
