import ArgumentParser

/// `medmoe cluster status`
struct ClusterStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows a running coordinator: its workers, their experts, how fast they are, and what is under way.",
        discussion: "--json prints what `medmoe cluster plan --traffic` reads.")

    @OptionGroup var options: StatusOptions

    func run() async throws { try await options.show() }
}

/// `medmoe status`, short for `medmoe cluster status`.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows a running coordinator: its workers, their experts, and what is under way.",
        discussion: "Short for `medmoe cluster status`.")

    @OptionGroup var options: StatusOptions

    func run() async throws { try await options.show() }
}
