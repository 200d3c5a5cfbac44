import ArgumentParser

/// `medmoe tokenizer`
struct TokenizerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer", abstract: "Makes tokenizers.", subcommands: [TokenizerTrainCommand.self])
}
