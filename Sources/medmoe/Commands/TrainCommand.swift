import ArgumentParser
import Training

/// `medmoe train`
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Learns: a step of the paper, or a whole recipe.",
        discussion: """
            The paper's three steps on a model that has weights already:
              medmoe train align    --data captions.json --images DIR --model IN    --out STEP1
              medmoe train instruct --data train.json    --images DIR --model STEP1 --out STEP2
              medmoe train router   --data train.json    --images DIR --model STEP2 --out STEP2R --held-out dev.json
              medmoe train experts  --data train.json    --images DIR --model STEP2R --out MODEL

            A run that was stopped goes on from its last checkpoint when the same command is given again.
            """,
        subcommands: [
            TrainEncoderCommand.self, TrainLanguageCommand.self, TrainAlignCommand.self, TrainInstructCommand.self, TrainRouterCommand.self, TrainExpertsCommand.self,
            TrainAllCommand.self,
        ])
}

/// `medmoe train encoder`
struct TrainEncoderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encoder",
        abstract: "Contrastive training of the image tower on images and their texts, for those without pretrained weights.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption
    @OptionGroup var mixture: MixtureOptions

    func run() async throws {
        var job = options.job(.encoder, images: images.images)
        try mixture.apply(to: &job)
        try await learn(job, options)
    }
}

/// `medmoe train language`
struct TrainLanguageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "language", abstract: "Next-token training of the backbone on text, for those without pretrained weights.")

    @OptionGroup var options: TrainOptions

    func run() async throws { try await learn(options.job(.language, images: nil), options) }
}

/// `medmoe train align`
struct TrainAlignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "align", abstract: "Step 1: the projector learns from images and captions.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption

    func run() async throws { try await learn(options.job(.align, images: images.images), options) }
}

/// `medmoe train instruct`
struct TrainInstructCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instruct", abstract: "Step 2: projector and backbone learn from questions and answers about images.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption

    func run() async throws { try await learn(options.job(.instruct, images: images.images), options) }
}

/// `medmoe train router`
struct TrainRouterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "router", abstract: "Step 2: the gate learns the modality from hidden states of labelled images.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption
    @OptionGroup var mixture: MixtureOptions

    @Option(name: .customLong("held-out"), help: ArgumentHelp("Conversation files that the router is measured on.", valueName: "file"))
    var heldOut: [String] = []
    @Option(help: "At most so many labelled examples to learn from.") var labelled = 2500

    func run() async throws {
        var job = options.job(.router, images: images.images)
        try mixture.apply(to: &job)
        job.heldOut = heldOut
        job.labelledExamples = labelled
        try await learn(job, options)
    }
}

/// `medmoe train experts`
struct TrainExpertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experts", abstract: "Step 3: FFNs become mixture layers; domain experts and meta experts learn.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption
    @OptionGroup var mixture: MixtureOptions

    @Option(help: ArgumentHelp("Pre-trained router, if it is not in the model's folder.", valueName: "file")) var router: String?
    @Flag(name: .customLong("without-router"), help: "Begin with random gates instead of a pre-trained router.") var withoutRouter = false
    @Flag(name: .customLong("without-meta"), help: "No meta expert.") var withoutMeta = false
    @Flag(help: "Keep the dense FFNs: the control without experts.") var dense = false
    @Option(name: .customLong("top-k"), help: "Experts per token: 1 or 2.") var topK = 1
    @Flag(name: .customLong("freeze-projector"), help: "Leave the projector as it is, as the paper says; the public code trains it.")
    var freezeProjector = false

    func validate() throws {
        guard (1...2).contains(topK) else { throw ValidationError("--top-k is \(topK); expected 1 or 2") }
    }

    func run() async throws {
        var job = options.job(.experts, images: images.images)
        try mixture.apply(to: &job)
        job.shape.topK = topK
        job.shape.hasMeta = !withoutMeta
        job.router = router
        job.withoutRouter = withoutRouter
        job.staysDense = dense
        job.settings.freezesProjector = freezeProjector
        try await learn(job, options)
    }
}

/// Runs one step and tells how it went.
private func learn(_ job: StageJob, _ options: TrainOptions) async throws {
    let log = options.log ?? job.out + ".log.jsonl"
    try await TerminationSignal.cancelling { _ = try await LearningRun(title: job.settings.step.rawValue, log: log).run(job) }
}
