import ArgumentParser
import ClusterHarness
import Foundation
import Plots

/// `hosts scale answers`
struct ScaleAnswersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answers",
        abstract: "Whole answers: answers per second over workers and coordinators, beside the line of Amdahl's law.",
        discussion: """
            An answer costs the coordinator c seconds of processor time, and the workers e: both are measured, with one \
            coordinator and one worker. More workers share e, but not c. Hosts with a part q of a core, which take turns, so \
            give C · q / (c + e / W) answers a second, and never more than W · q / e. Where turns are shorter than the period \
            in which processor time is dealt out, coordinator and workers use theirs in the same period, and there can be \
            more. The exit status is 1 when a measurement is further than --within below the line.
            """)

    @OptionGroup var options: ScaleOptions
    @Option(help: ArgumentHelp("Numbers of workers.", valueName: "n,m")) var workers = "1,2,4,8"
    @Option(help: ArgumentHelp("Numbers of coordinators that share the workers.", valueName: "n,m")) var coordinators = "1,2,4"
    @Option(help: ArgumentHelp("Requests under way at each coordinator.", valueName: "n")) var concurrency = 8
    @Option(name: .customLong("warm-up"), help: ArgumentHelp("Seconds before each measurement.", valueName: "seconds")) var warmUp = 10.0
    @Option(help: ArgumentHelp("Tokens of an answer.", valueName: "min..max")) var tokens = "2..8"
    @Option(help: "Distance below the line that is allowed.") var within = 0.15

    private struct Line: Encodable {
        var coordinators, workers: Int
        var answersPerSecond, law, ofLaw, coordinatorShare: Double
        var failed: Int
    }

    func validate() throws {
        let most = try (ScaleOptions.numbers(workers, "--workers").last ?? 1) + (ScaleOptions.numbers(coordinators, "--coordinators").last ?? 1)
        try options.checkSum(hosts: most, besides: 0)
        if !(1...64).contains(concurrency) { throw ValidationError("--concurrency is \(concurrency); expected 1 to 64") }
    }

    func run() async throws {
        let counts = try ScaleOptions.numbers(workers, "--workers")
        let fronts = try ScaleOptions.numbers(coordinators, "--coordinators")
        let scaling = AnswerScaling(
            model: options.model, share: options.cpu, concurrency: concurrency, seconds: options.seconds, warmUp: warmUp,
            questions: ["--tokens", tokens])
        // Fewer workers than coordinators is no cluster that anybody runs.
        let pairs = fronts.flatMap { front in counts.filter { $0 >= front }.map { (front: front, workers: $0) } }
        try await interruptedBySignals {
            var measured: [[AnswerScaling.Outcome]] = Array(repeating: [], count: pairs.count)
            for turn in 1...options.repeats {
                for (index, pair) in pairs.enumerated() {
                    let outcome = try await scaling.run(coordinators: pair.front, workers: pair.workers)
                    measured[index].append(outcome)
                    say(
                        "turn \(turn): \(pair.front) coordinators, \(pair.workers) workers, \(decimals(outcome.answersPerSecond, 3)) answers/s, "
                            + "\(decimals(1000 * outcome.coordinatorCost)) + \(decimals(1000 * outcome.workerCost)) ms of a core each")
                }
            }
            try report(measured)
        }
    }

    private func report(_ measured: [[AnswerScaling.Outcome]]) throws {
        guard let one = measured.first, let pair = one.first, pair.coordinators == 1, pair.workers == 1 else {
            throw ValidationError("--coordinators and --workers must have 1 among them: the costs are measured there")
        }
        let share = median(one.map(\.coordinatorShare))
        let (c, e) = (median(one.map(\.coordinatorCost)), median(one.map(\.workerCost)))
        let law = { (fronts: Int, workers: Int) in
            options.cpu * min(Double(fronts) / (c + e / Double(workers)), Double(workers) / e)
        }
        let lines = measured.compactMap { outcomes -> Line? in
            guard let first = outcomes.first else { return nil }
            let rate = median(outcomes.map(\.answersPerSecond))
            let expected = law(first.coordinators, first.workers)
            return Line(
                coordinators: first.coordinators, workers: first.workers, answersPerSecond: rate, law: expected, ofLaw: rate / expected,
                coordinatorShare: median(outcomes.map(\.coordinatorShare)), failed: outcomes.reduce(0) { $0 + $1.failed })
        }
        let table = FixedTable([("coordinators", 3), ("workers", 3), ("answers/s", 7), ("the law's", 7), ("of it", 6), ("coordinator's share", 6), ("failed", 3)])
        for line in lines {
            table.add([
                "\(line.coordinators)", "\(line.workers)", decimals(line.answersPerSecond, 3), decimals(line.law, 3),
                decimals(100 * line.ofLaw, 1) + " %", decimals(100 * line.coordinatorShare, 1) + " %", "\(line.failed)",
            ])
        }
        let groups = Dictionary(grouping: lines, by: \.coordinators).sorted { $0.key < $1.key }
        let figure = Plot(
            title: "Whole answers",
            subtitle: "\(options.cpu) of a core per host; \(decimals(100 * share)) % of an answer's processor time is the coordinator's",
            x: Axis("workers"), y: Axis("answers per second"),
            series: groups.map { fronts, lines in
                Series("\(fronts) coordinator\(fronts == 1 ? "" : "s")", .linePoints, lines.map { Point(Double($0.workers), $0.answersPerSecond) })
            },
            references: groups.map { fronts, lines in
                Reference("Amdahl, \(fronts)", .path(lines.map { Point(Double($0.workers), $0.law) }))
            })
        try ScaleOutput.write(figure, lines, named: "answers", to: options.out)
        guard lines.allSatisfy({ $0.ofLaw >= 1 - within && $0.failed == 0 }) else {
            say("NOT AS PROMISED: at most \(decimals(100 * within)) % below the law and no failures")
            throw ExitCode(1)
        }
    }
}
