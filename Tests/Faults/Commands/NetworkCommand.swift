import ArgumentParser
import ClusterHarness

/// `faults network`
struct NetworkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network",
        abstract: "Lets the network go wrong, once in every way, each under load, and prints what it did.",
        discussion: """
            Each line is a field of hosts of its own: one with a coordinator, two with a worker and half of the experts each, and \
            one with a worker that has all of them, to whose link the fault happens for some seconds. Failed requests, answers that \
            differ from the undisturbed run, and requests that go on beyond their deadline must be 0, and the worker must be used \
            again without help; else the exit status is 1. Where hosts cannot be made nothing is tried, and it is 2.
            """)

    @OptionGroup var load: LoadOptions
    @Option(help: "Only faults whose name contains this text.") var only: String?
    @Option(help: "Seconds that a request may take.") var deadline = 30.0
    @Flag(help: "Only list the faults.") var list = false

    func validate() throws {
        if !(5...600).contains(deadline) { throw ValidationError("--deadline is \(deadline); expected 5 to 600") }
    }

    func run() async throws {
        let scenarios = FaultScenario.network.filter { only.map($0.name.contains) ?? true }
        if list { return scenarios.forEach { say($0.name) } }
        guard !scenarios.isEmpty else { throw ValidationError("no fault's name contains \"\(only ?? "")\": see --list") }
        if let lack = HostAbilities.here.lack([.namespaces, .loss, .rateLimit, .delay]) {
            say("SKIPPED: \(lack)")
            throw ExitCode(2)
        }
        let bench = FaultBench(questions: try load.mixture(), askers: load.askers, onHosts: true, deadline: .seconds(deadline))
        try await cancelledBySignals { try await AccidentTable.run(scenarios, bench) }
    }
}
