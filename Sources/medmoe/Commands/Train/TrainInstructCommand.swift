import ArgumentParser

/// `medmoe train instruct`
struct TrainInstructCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instruct", abstract: "Step 2: projector and backbone learn from questions and answers about images.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption

    func run() async throws { try await learn(try options.job(.instruct, images: images.images), options) }
}
