import ArgumentParser

/// Several hosts on one machine: network namespaces with an address each, their limits and their accidents.
@main
struct Hosts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hosts", abstract: "Makes test hosts on this machine and runs a cluster on them.",
        subcommands: [AbilitiesCommand.self, RunCommand.self, ScaleCommand.self, CleanCommand.self, RelayCommand.self, JanitorCommand.self])
}
