import ArgumentParser

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
        var job = try options.job(.router, images: images.images)
        try mixture.apply(to: &job)
        job.heldOut = heldOut
        job.labelledExamples = labelled
        try await learn(job, options)
    }
}
