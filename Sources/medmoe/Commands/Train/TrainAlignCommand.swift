import ArgumentParser

/// `medmoe train align`
struct TrainAlignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "align", abstract: "Step 1: the projector learns from images and captions.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption

    func run() async throws { try await learn(try options.job(.align, images: images.images), options) }
}
