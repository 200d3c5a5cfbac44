import ArgumentParser
import ClusterHarness

/// `faults table`
struct TableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "table",
        abstract: "Lets every kind of accident happen once, each under load, and prints what it did.",
        discussion: """
            Each line is a cluster of its own: a coordinator, two workers with half of the experts each, and one or two victims \
            with all of them. Failed requests and answers that differ from the undisturbed run must be 0, and the 99th \
            percentile of the longest silence within a request at most 1 s; else the exit status is 1.
            """)

    @OptionGroup var load: LoadOptions
    @Option(help: "Only accidents whose name contains this text.") var only: String?
    @Flag(help: "Only list the accidents.") var list = false

    func run() async throws {
        let scenarios = (FaultScenario.workers + FaultScenario.coordinator).filter { only.map($0.name.contains) ?? true }
        if list { return scenarios.forEach { say($0.name) } }
        guard !scenarios.isEmpty else { throw ValidationError("no accident's name contains \"\(only ?? "")\": see --list") }
        let bench = FaultBench(questions: try load.mixture(), askers: load.askers)
        try await cancelledBySignals { try await AccidentTable.run(scenarios, bench) }
    }
}
