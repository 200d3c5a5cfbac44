import ArgumentParser
import ClusterHarness

/// `faults soak`
struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Lets random accidents happen to workers, one after the other, for some minutes under steady load.",
        discussion: """
            KILL and restart, STOP and CONT, SIGTERM and a new worker. Fails when less than 99 % of the requests end in an \
            answer before their deadline, or when a token is not that of the undisturbed run.
            """)

    @OptionGroup var load: LoadOptions
    @Option(help: "How long.") var minutes = 10.0
    @Option(help: "Seconds until a request is given up.") var deadline = 30.0
    @Option(help: "Seed of the accidents.") var seed: UInt64 = 1

    func validate() throws {
        if !(minutes > 0 && minutes <= 10_000) { throw ValidationError("--minutes is \(minutes); expected more than 0 and at most 10000") }
        if !(deadline > 0 && deadline <= 86_400) { throw ValidationError("--deadline is \(deadline); expected more than 0 and at most 86400") }
    }

    func run() async throws {
        let questions = try load.mixture()
        let soak = Soak(askers: load.askers, deadline: .seconds(deadline), lasting: .seconds(minutes * 60), seed: seed)
        let bench = FaultBench(questions: questions, askers: load.askers)
        try await cancelledBySignals {
            let undisturbed = try await bench.undisturbed()
            say("undisturbed: stall p50 \(decimals(undisturbed.load.stall(50))) ms, p99 \(decimals(undisturbed.load.stall(99))) ms")
            let outcome = try await soak.run(questions) { minute in
                say(
                    "minute \(minute.minute): \(minute.load.answers.count) requests, \(minute.load.failed.count) failed, "
                        + "\(minute.accidents) accidents, stall p99 \(decimals(minute.load.stall(99))) ms, "
                        + "coordinator \(mebibytes(minute.coordinatorBytes)) MiB")
            }
            let wrong = outcome.load.wrong(undisturbed.expected).count
            let goodput = 100 * outcome.goodput
            say("accidents: \(outcome.accidents.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", "))")
            say("requests: \(outcome.load.answers.count), failed: \(outcome.load.failed.count), wrong tokens: \(wrong)")
            say("goodput: \(decimals(goodput, 2)) % answered within their deadline")
            say(
                "stalls: p50 \(decimals(outcome.load.stall(50))) ms, p99 \(decimals(outcome.load.stall(99))) ms, longest \(decimals(outcome.load.stall(100))) ms")
            say("coordinator: \(mebibytes(outcome.bytesAtStart)) MiB after the first minute, \(mebibytes(outcome.bytesAtEnd)) MiB at the end")
            for failure in outcome.load.failed.prefix(5) { say("failed: \(failure.failure ?? "")") }
            guard wrong == 0, goodput >= 99 else {
                say("NOT AS PROMISED")
                throw ExitCode(1)
            }
        }
    }
}
