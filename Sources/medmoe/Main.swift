import ArgumentParser

@main
struct MedMoECommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "medmoe")
}
