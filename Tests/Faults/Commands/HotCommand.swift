import ArgumentParser
import ClusterHarness

/// `faults hot`
struct HotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hot",
        abstract: "Adds replicas of one expert that has 90 % of the rows, live, and measures before and after.",
        discussion: """
            Each worker gets a part of a core only (a control group), as if it were a machine of its own; where that cannot be \
            limited nothing is measured, and the exit status is 2.
            """)

    @Option(help: "Seconds of each measurement.") var seconds = 20.0
    @Option(help: "Replicas that are added.") var replicas = 2
    @Option(help: "Part of a core for each worker.") var share = 0.15

    func validate() throws {
        if !(seconds >= 1 && seconds <= 3600) { throw ValidationError("--seconds is \(seconds); expected 1 to 3600") }
        if !(1...16).contains(replicas) { throw ValidationError("--replicas is \(replicas); expected 1 to 16") }
        if !(share >= 0.1 && share <= 1) { throw ValidationError("--share is \(share); expected 0.1 to 1") }
    }

    func run() async throws {
        do {
            _ = try ControlGroup.processor(share: share)
        } catch {
            say("SKIPPED: processor time of workers cannot be limited here, so nothing can be shown: \(error)")
            throw ExitCode(2)
        }
        let hot = HotExpert(window: .seconds(seconds), added: replicas, processorShare: share)
        try await cancelledBySignals {
            let outcome = try await hot.run(say: say)
            let table = FixedTable([
                ("workers for the hot expert", 3), ("its share of rows", 6), ("rows/s", 8), ("tokens/s", 8), ("requests", 6), ("failed", 4),
                ("stall p99 ms", 6),
            ])
            for one in [outcome.before, outcome.after] {
                table.add([
                    "\(one.replicas)", "\(decimals(100 * one.share)) %", decimals(one.rowsPerSecond), decimals(one.tokensPerSecond, 1),
                    "\(one.requests)", "\(one.failed)", decimals(one.stall),
                ])
            }
            say("rows/s grew by the factor \(decimals(outcome.gain, 2)); \(outcome.failures.count) failed, \(outcome.wrong) wrong")
            let isHot = (0.85...0.95).contains(outcome.before.share)
            if !isHot { say("the hot expert's share is not about 90 %") }
            for failure in outcome.failures.prefix(5) { say("failed: \(failure)") }
            guard outcome.failures.isEmpty, outcome.wrong == 0, outcome.gain > 1, isHot else {
                say("NOT AS PROMISED")
                throw ExitCode(1)
            }
        }
    }
}
