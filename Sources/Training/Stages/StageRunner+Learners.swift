import Checkpoints
import Datasets
import Foundation
import MedMoE
import Tensors

/// What each step learns with: networks, examples and features, made of the job's model and data.
extension StageRunner {
    func conversation(
        _ job: StageJob, _ model: LearnableModel, _ data: StageData, _ context: TrainingContext, _ observer: any TrainingObserver,
        _ fleet: (any ExpertFleet)?
    ) throws -> ConversationLearner {
        var (source, config, configuration) = (model.folder.model, model.folder.config, model.configuration)
        if job.settings.step == .experts, let mixture = configuration.mixture {
            let hasMeta = try AlwaysOnModule.isMetaExpert(source.names, configuration: configuration)
            try job.checkShape(is: mixture, hasMeta: hasMeta, layerCount: configuration.layerCount)
        }
        if job.settings.step == .experts, configuration.mixture == nil, !job.staysDense {
            let layers = job.layers(model)
            config = config.upcycled(layers: layers, shape: job.shape)
            configuration = try ModelConfiguration(data: Data(config.rendered.utf8), file: "config.json of \(job.out)")
            source = try UpcycledTensors(source, layers: layers, shape: job.shape, router: try gate(job, model))
        }
        guard fleet == nil || configuration.mixture != nil else {
            throw TrainingError.impossible("\(job.model) has no experts: trainers are for the experts step of a mixture")
        }
        let network = try MultimodalNetwork(source, configuration: configuration, trainers: fleet, context)
        let images = job.images.map { ImageStore(model, folder: ImageFolder(path: $0)) }
        let sequences = try data.conversations.enumerated().map { index, conversation in
            observer.prepared("reading images", done: index + 1, total: data.conversations.count)
            let image = data.sequences.form == .text ? nil : conversation.image
            return try data.sequences.sequence(conversation, image: image.flatMap { try images?.number(of: $0) })
        }
        return ConversationLearner(
            model, source: source, config: config, network: network, settings: job.settings, sequences: sequences,
            features: try images.map { try features($0, job, model, context) }, fleet: fleet)
    }

    func encoder(
        _ job: StageJob, _ model: LearnableModel, _ data: StageData, _ context: TrainingContext, _ observer: any TrainingObserver
    ) throws -> EncoderLearner {
        guard let folder = job.images.map({ ImageFolder(path: $0) }) else {
            throw TrainingError.impossible("the encoder learns from images: name their folder with --images")
        }
        let images = ImageStore(model, folder: folder)
        var examples = EncoderLearner.Examples(texts: [], textsOfImages: [], modalities: [])
        for (index, conversation) in data.conversations.enumerated() {
            observer.prepared("reading images", done: index + 1, total: data.conversations.count)
            guard let path = conversation.image else { continue }
            let tokens = model.tokenizer.encode(data.sequences.text(conversation))
            guard !tokens.isEmpty else { continue }
            let image = try images.number(of: path)
            if image == examples.textsOfImages.count {
                examples.textsOfImages.append([])
                examples.modalities.append(nil)
            }
            examples.textsOfImages[image].append(examples.texts.count)
            examples.texts.append(tokens)
            examples.modalities[image] = examples.modalities[image] ?? conversation.modality.flatMap { job.shape.domains.firstIndex(of: $0) }
        }
        guard examples.textsOfImages.count > 1 else {
            throw TrainingError.impossible("contrastive learning needs two images or more; the data has \(examples.textsOfImages.count)")
        }
        return try EncoderLearner(
            model, examples: examples, images: images, domains: job.shape.domains.count, settings: job.settings, context)
    }

    /// Held-out images whose modality is known.
    func heldOutImages(
        _ job: StageJob, _ model: LearnableModel, _ observer: any TrainingObserver
    ) throws -> (labelled: [(image: Int, domain: Int)], images: ImageStore)? {
        guard !job.heldOut.isEmpty, let folder = job.images.map({ ImageFolder(path: $0) }) else { return nil }
        let images = ImageStore(model, folder: folder)
        var labelled: [(image: Int, domain: Int)] = []
        for conversation in try StageData(job.heldOut, job: job, model: model, observer: observer).conversations {
            guard let path = conversation.image, let domain = conversation.modality.flatMap({ job.shape.domains.firstIndex(of: $0) }) else {
                continue
            }
            let known = images.count
            let image = try images.number(of: path)
            if image == known { labelled.append((image, domain)) }
        }
        return labelled.isEmpty ? nil : (labelled, images)
    }

    private func features(
        _ images: ImageStore, _ job: StageJob, _ model: LearnableModel, _ context: TrainingContext
    ) throws -> FeatureStore {
        let tower = try TowerNetwork(model.folder.imageTower().source, configuration: model.towerConfiguration, context)
        return FeatureStore(images, tower: tower, model: model, byteLimit: job.featureBytes, context)
    }

    /// The gates that the experts begin with.
    private func gate(_ job: StageJob, _ model: LearnableModel) throws -> (weight: Tensor, bias: Tensor) {
        let (domains, hidden) = (job.shape.domains.count, model.configuration.hiddenSize)
        if job.withoutRouter {
            var initial = Initialisation(seed: job.settings.seed)
            return (
                try initial.linear(domains, hidden).tensor(shape: [domains, hidden]),
                try initial.bias(domains, inner: hidden).tensor(shape: [domains])
            )
        }
        let path = job.routerPath
        guard FileManager.default.fileExists(atPath: path) else {
            throw TrainingError.impossible(
                "there is no router at \(path): train one with the router step, name one with --router, or begin with random gates with --without-router")
        }
        return try PretrainedRouter.read(path, domains: domains, hidden: hidden)
    }

    func router(
        _ job: StageJob, _ model: LearnableModel, _ data: StageData, _ context: TrainingContext, _ observer: any TrainingObserver
    ) async throws -> (learner: RouterLearner, heldOut: RouterLearner.Examples?) {
        guard let folder = job.images.map({ ImageFolder(path: $0) }) else {
            throw TrainingError.impossible("the router learns from images: name their folder with --images")
        }
        let apart = try job.heldOut.isEmpty ? nil : StageData(job.heldOut, job: job, model: model, observer: observer).conversations
        let images = ImageStore(model, folder: folder)
        let features = try features(images, job, model, context)
        let network = try MultimodalNetwork(model.folder.model, configuration: model.configuration, context)
        let reader = HiddenStateReader(
            model: model, network: network, images: images, features: features, sequences: data.sequences, layers: job.layers(model),
            domains: job.shape.domains)
        let labelled = data.conversations.filter { $0.modality != nil }
        guard !labelled.isEmpty else { throw TrainingError.impossible("no entry of the data says its modality: the router has nothing to learn from") }
        let learnt = try await reader.read(
            BatchOrder.drawn(labelled, count: job.labelledExamples, seed: job.settings.seed), "reading hidden states", observer)
        var heldOut: RouterLearner.Examples?
        if let apart {
            heldOut = try await reader.read(apart.filter { $0.modality != nil }, "reading held-out hidden states", observer)
        }
        let learner = RouterLearner(
            model, examples: learnt, layers: job.layers(model).count, domains: job.shape.domains.count, settings: job.settings, context)
        return (learner, heldOut)
    }
}
