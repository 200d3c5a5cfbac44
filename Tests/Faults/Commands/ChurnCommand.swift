import ArgumentParser
import ClusterHarness

/// `faults churn`
struct ChurnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "churn",
        abstract: "Lets workers join and leave under load, by SIGTERM and by KILL in turn.",
        discussion: "Fails when a request fails, a token differs, or the coordinator's memory grows by 2 % or more.")

    @OptionGroup var load: LoadOptions
    @Option(help: "How often a worker joins and leaves.") var cycles = 20

    func validate() throws {
        if !(1...100_000).contains(cycles) { throw ValidationError("--cycles is \(cycles); expected 1 to 100000") }
    }

    func run() async throws {
        let questions = try load.mixture()
        let churn = Churn(cycles: cycles, askers: load.askers)
        let bench = FaultBench(questions: questions, askers: load.askers)
        try await cancelledBySignals {
            let undisturbed = try await bench.undisturbed()
            let table = FixedTable([("cycle", 5), ("leaves by", 9), ("requests", 8), ("coordinator MiB", 8)])
            let outcome = try await churn.run(questions) { cycle in
                table.add(["\(cycle.number)", cycle.isDrained ? "SIGTERM" : "KILL", "\(cycle.answers)", mebibytes(cycle.coordinatorBytes)])
            }
            let wrong = outcome.load.wrong(undisturbed.expected).count
            say("requests: \(outcome.load.answers.count), failed: \(outcome.load.failed.count), wrong tokens: \(wrong)")
            say(
                "coordinator: \(mebibytes(outcome.bytesWarm)) MiB when warm, \(mebibytes(outcome.bytesAtEnd)) MiB at the end: "
                    + "\(outcome.growth.map { decimals($0, 2) } ?? "?") %")
            for failure in outcome.load.failed.prefix(5) { say("failed: \(failure.failure ?? "")") }
            guard outcome.load.failed.isEmpty, wrong == 0, let growth = outcome.growth, growth < 2 else {
                say("NOT AS PROMISED")
                throw ExitCode(1)
            }
        }
    }
}
