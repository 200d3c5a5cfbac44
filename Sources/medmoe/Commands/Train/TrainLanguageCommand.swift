import ArgumentParser

/// `medmoe train language`
struct TrainLanguageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "language", abstract: "Next-token training of the backbone on text, for those without pretrained weights.")

    @OptionGroup var options: TrainOptions

    func run() async throws { try await learn(try options.job(.language, images: nil), options) }
}
