import ArgumentParser

/// `medmoe train encoder`
struct TrainEncoderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encoder",
        abstract: "Contrastive training of the image tower on images and their texts, for those without pretrained weights.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption
    @OptionGroup var mixture: MixtureOptions

    @Option(name: .customLong("held-out"), help: ArgumentHelp("Conversation files whose images' modalities are told afterwards.", valueName: "file"))
    var heldOut: [String] = []

    func run() async throws {
        var job = try options.job(.encoder, images: images.images)
        try mixture.apply(to: &job)
        job.heldOut = heldOut
        try await learn(job, options)
    }
}
