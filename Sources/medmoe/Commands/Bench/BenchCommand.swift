import ArgumentParser

/// `medmoe bench`
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures speed, and holds it against what this machine can do.",
        subcommands: [BenchBatchCommand.self, BenchTrafficCommand.self, BenchLinksCommand.self, BenchTrainCommand.self])
}
