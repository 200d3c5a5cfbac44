import ArgumentParser

/// Lets accidents happen to real processes of the program and says what they did to the answers.
@main
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract: "Lets accidents happen to a cluster on this machine and checks that no answer is lost or changed.",
        subcommands: [TableCommand.self, NetworkCommand.self, SoakCommand.self, ChurnCommand.self, HotCommand.self, FaultyWorkerCommand.self])
}
