import ArgumentParser
import ClusterHarness
import Foundation
import Plots

/// `hosts scale stage`
struct ScaleStageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stage",
        abstract: "The expert stage alone: rows per second over workers, beside as many times those of one.",
        discussion: """
            Every worker holds all experts. The load runs on a host of its own. The exit status is 1 when any number of \
            workers stays below --least of linear.
            """)

    @OptionGroup var options: ScaleOptions
    @Option(help: ArgumentHelp("Numbers of workers.", valueName: "n,m")) var workers = "1,2,4,8"
    @Option(help: ArgumentHelp("Rows of a tile.", valueName: "n")) var rows = 64
    @Option(help: "Part of linear that is expected.") var least = 0.9

    private struct Line: Encodable {
        var workers: Int
        var rowsPerSecond, ofLinear, driverShare: Double
        var failed: Int
    }

    func validate() throws {
        let counts = try ScaleOptions.numbers(workers, "--workers")
        try options.checkSum(hosts: counts.last ?? 1, besides: StageScaling.driverLimit)
        if !(1...256).contains(rows) { throw ValidationError("--rows is \(rows); expected 1 to 256") }
    }

    func run() async throws {
        let counts = try ScaleOptions.numbers(workers, "--workers")
        let scaling = StageScaling(model: options.model, share: options.cpu, rows: rows, seconds: options.seconds)
        try await interruptedBySignals {
            var measured: [Int: [StageScaling.Outcome]] = [:]
            for turn in 1...options.repeats {
                for count in counts {
                    let outcome = try await scaling.run(workers: count)
                    measured[count, default: []].append(outcome)
                    say("turn \(turn): \(count) workers, \(Int(outcome.rowsPerSecond)) rows/s")
                }
            }
            try report(counts, measured)
        }
    }

    private func report(_ counts: [Int], _ measured: [Int: [StageScaling.Outcome]]) throws {
        let rates = measured.mapValues { median($0.map(\.rowsPerSecond)) }
        guard let first = counts.first, let base = rates[first].map({ $0 / Double(first) }), base > 0 else {
            throw HarnessError("nothing was computed")
        }
        let lines = counts.map { count in
            Line(
                workers: count, rowsPerSecond: rates[count] ?? 0, ofLinear: (rates[count] ?? 0) / (base * Double(count)),
                driverShare: median((measured[count] ?? []).map(\.driverShare)), failed: (measured[count] ?? []).reduce(0) { $0 + $1.failed })
        }
        let table = FixedTable([("workers", 3), ("rows/s", 8), ("of linear", 6), ("driver, of a core", 4), ("failed", 3)])
        for line in lines {
            table.add([
                "\(line.workers)", "\(Int(line.rowsPerSecond))", decimals(100 * line.ofLinear, 1) + " %", decimals(line.driverShare, 2), "\(line.failed)",
            ])
        }
        let most = Double(counts.last ?? 1)
        let figure = Plot(
            title: "The expert stage alone", subtitle: "\(rows) rows a tile, \(options.cpu) of a core per worker, median of \(options.repeats)",
            x: Axis("workers"), y: Axis("rows per second"),
            series: [Series("measured", .linePoints, lines.map { Point(Double($0.workers), $0.rowsPerSecond) })],
            references: [Reference("linear", .path([Point(0, 0), Point(most, base * most)]))])
        try ScaleOutput.write(figure, lines, named: "stage", to: options.out)
        guard lines.allSatisfy({ $0.ofLinear >= least && $0.failed == 0 }) else {
            say("NOT AS PROMISED: at least \(decimals(100 * least)) % of linear and no failures")
            throw ExitCode(1)
        }
    }
}

enum ScaleOutput {
    static func write(_ figure: Plot, _ lines: some Encodable, named name: String, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(lines).write(to: URL(filePath: "\(folder)/\(name).json"))
        try Data(try figure.svg().utf8).write(to: URL(filePath: "\(folder)/\(name).svg"))
        say("wrote \(folder)/\(name).svg and .json")
    }
}
