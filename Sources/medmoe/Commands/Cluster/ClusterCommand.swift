import ArgumentParser

/// `medmoe cluster`
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "For whoever runs a cluster.",
        subcommands: [ClusterPlanCommand.self, ClusterStatusCommand.self, ClusterAssignCommand.self])
}
