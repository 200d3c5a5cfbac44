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
        try await cancelledBySignals { try await TableCommand.run(scenarios, bench) }
    }

    private static func run(_ scenarios: [FaultScenario], _ bench: FaultBench) async throws {
        let undisturbed = try await bench.undisturbed()
        let reference = decimals(undisturbed.load.stall(99))
        let table = FixedTable([
            ("fault", scenarios.map(\.name.count).max() ?? 0), ("requests", 8), ("failed", 6), ("wrong tokens", 6),
            ("stall p99 ms", 6), ("(undisturbed)", 6), ("used again after", 8),
        ])
        var complaints: [String] = []
        for scenario in scenarios {
            do {
                let outcome = try await bench.run(scenario, undisturbed)
                table.add([
                    scenario.name, "\(outcome.load.answers.count)", "\(outcome.load.failed.count)", "\(outcome.wrong)",
                    decimals(outcome.stall), "(\(reference))", "\(outcome.recovery)",
                ])
                if !outcome.complaints.isEmpty { complaints.append("\(scenario.name): \(outcome.complaints.joined(separator: "; "))") }
            } catch let error where !Task.isCancelled {
                table.add([scenario.name, "-", "-", "-", "-", "(\(reference))", "BROKEN"])
                complaints.append("\(scenario.name): \(error)")
            }
        }
        guard complaints.isEmpty else {
            say("\nNOT AS PROMISED")
            complaints.forEach(say)
            throw ExitCode(1)
        }
        say("\nas promised: no request failed, no token differs, no stall beyond the bound")
    }
}
