import CKernels
import Checkpoints
import Foundation
import Language
import MedMoE
import Tensors

/// Contrastive training of the image tower from images and their texts (ConVIRT, arXiv 2010.00747), for those without pretrained weights.
///
/// A text tower learns beside it, and, where modalities are known, a head that tells them: `L + ½ · cross-entropy`.
final class EncoderLearner: StageLearner {
    /// What is learnt from.
    struct Examples {
        /// Tokens of each text.
        var texts: [[Int]]
        /// Texts of each image.
        var textsOfImages: [[Int]]
        /// Domain of each image; nil where unknown.
        var modalities: [Int?]
    }

    static let fileName = "text_tower.safetensors"
    /// Weight of the modality's cross-entropy beside the contrastive loss.
    private static let modalityWeight: Float = 0.5

    let parameters: [Parameter]
    private let model: LearnableModel
    private let tower: TowerNetwork
    private let text: TextTower
    private let imageHead, textHead: ContrastiveHead
    private let modalityHead: LinearLayer
    /// ln(1/τ), `[1]`.
    private let temperature: Parameter
    private let objective: ContrastiveObjective
    private let examples: Examples
    private let images: ImageStore
    private let order: PairOrder
    private let settings: StageSettings
    private let context: TrainingContext

    init(
        _ model: LearnableModel, examples: Examples, images: ImageStore, domains: Int, settings: StageSettings, _ context: TrainingContext
    ) throws {
        self.model = model
        self.examples = examples
        self.images = images
        self.settings = settings
        self.context = context
        tower = try TowerNetwork(model.folder.imageTower().source, configuration: model.towerConfiguration, context)
        tower.recomputes = settings.recomputes
        let width = model.towerConfiguration.hiddenSize
        let shape = TextTowerShape(
            vocabulary: model.configuration.vocabularySize, width: width, layers: 2, heads: model.towerConfiguration.headCount,
            positions: 77)
        var initial = Initialisation(seed: settings.seed &+ 2)
        var maker = TensorMaker(initial)
        maker.tensors = try TextTower.tensors(shape, &initial)
        maker.initial = initial
        try ContrastiveHead.make(&maker, "image_projection", from: width, to: width)
        try ContrastiveHead.make(&maker, "text_projection", from: width, to: width)
        try maker.linear("modality_head", domains, width)
        maker.tensors["logit_scale"] = try Tensor([Float(log(1 / 0.1))], shape: [1])
        let reader = ParameterReader(MemoryTensors(maker.tensors))
        text = try TextTower(reader, shape: shape, context)
        imageHead = try ContrastiveHead(reader, "image_projection", from: width, to: width)
        textHead = try ContrastiveHead(reader, "text_projection", from: width, to: width)
        modalityHead = try reader.linear("modality_head", from: width, to: domains, bias: true)
        temperature = try reader.parameter("logit_scale", shape: [1])
        objective = try ContrastiveObjective()
        parameters = tower.parameters + reader.parameters
        for parameter in parameters { parameter.setLearns(true) }
        order = PairOrder(textsOfImages: examples.textsOfImages, batchSize: settings.batch, seed: settings.seed)
    }

    var updatesPerEpoch: Int { order.updatesPerEpoch }

    func learn(update: Int, isolation: isolated (any Actor)?) async throws -> BatchOutcome {
        let pairs = order.pairs(update: update)
        let patches = images.patches(
            of: try pairs.map { try images.square($0.image) }, tower: tower,
            augmentations: Augmentation.drawn(pairs.count, seed: settings.seed, update: update), context)
        let (hidden, keptTower) = tower.forward(patches)
        let (pooled, keptPooled) = tower.pooled(hidden)
        let (imageEmbedding, keptImage) = imageHead.forward(pooled, context)
        let (textOutput, keptText) = text.forward(pairs.map { examples.texts[$0.text] })
        let (textEmbedding, keptTextHead) = textHead.forward(textOutput, context)
        // Bounded as in CLIP, so that the loss cannot be lowered by sharpness alone.
        temperature.value.pointer[0] = min(temperature.value.pointer[0], Float(log(100.0)))
        let gradients = try objective.differentiate(
            images: imageEmbedding, texts: textEmbedding, scale: .learned(logarithm: Double(temperature.value.pointer[0])))
        temperature.gradient?.pointer[0] += Float(gradients.logarithmOfScale)
        var loss = gradients.loss
        guard let pooledGradient = imageHead.backward(gradients.images, keptImage, context) else {
            throw TrainingError.internalState("the image head gave no gradient")
        }
        loss += modality(pairs.map { examples.modalities[$0.image] }, pooled, gradient: pooledGradient)
        tower.backward(tower.pooledBackward(pooledGradient, keptPooled), keptTower)
        if let gradient = textHead.backward(gradients.texts, keptTextHead, context) { text.backward(gradient, keptText) }
        return BatchOutcome(loss: loss, rows: hidden.count)
    }

    func checkpoint() throws -> PublishedCheckpoint {
        var checkpoint = try PublishedCheckpoint(of: model.folder)
        checkpoint.tower = try OverlaidTensors(checkpoint.tower, tower.parameters)
        let known = Set(tower.parameters.map(\.name))
        checkpoint.tensorFiles[Self.fileName] = MemoryTensors(
            try Dictionary(uniqueKeysWithValues: parameters.filter { !known.contains($0.name) }.map { ($0.name, try $0.tensor()) }))
        return checkpoint
    }

    /// The cross-entropy of the known modalities, weighted; its gradient is added to that of the pooled rows.
    private func modality(_ labels: [Int?], _ pooled: Rows, gradient: Rows) -> Double {
        let known = labels.enumerated().compactMap { place, label in label.map { (place, $0) } }
        guard !known.isEmpty else { return 0 }
        let x = Rows(count: known.count, width: pooled.width)
        for (row, (place, _)) in known.enumerated() { x.row(row).update(from: pooled.row(place), count: x.width) }
        let logits = modalityHead.forward(x, context)
        var loss = 0.0
        for (row, (_, label)) in known.enumerated() {
            loss += ck_cross_entropy(logits.row(row), logits.width, label, Self.modalityWeight / Float(known.count))
        }
        let dx = modalityHead.backward(logits, input: x, context)
        for (row, (place, _)) in known.enumerated() { ck_add(gradient.row(place), dx.row(row), x.width) }
        return loss * Double(Self.modalityWeight) / Double(known.count)
    }

    /// How well the head tells modalities of images that were not learnt from.
    ///
    /// - Parameter labelled: numbers of images with their domains.
    /// - Throws: what reading an image throws that memory did not hold.
    func measure(_ labelled: [(image: Int, domain: Int)], in images: ImageStore, domains: [String]) throws -> ModalityReport {
        var report = ModalityReport(domains: domains, layers: [])
        // A part at a time, for the memory's sake.
        for first in stride(from: 0, to: labelled.count, by: settings.batch) {
            let part = labelled[first..<min(labelled.count, first + settings.batch)]
            let squares = try part.map { try images.square($0.image) }
            let hidden = tower.output(of: images.patches(of: squares, tower: tower, context))
            let logits = modalityHead.forward(tower.pooled(hidden).normed, context)
            for (row, (_, domain)) in part.enumerated() {
                let guess = GateChoice.largest(UnsafeBufferPointer(start: logits.row(row), count: domains.count), except: nil)
                report.images += 1
                if guess == domain { report.correctImages += 1 }
                report.confusion[domain][guess] += 1
            }
        }
        return report
    }
}
