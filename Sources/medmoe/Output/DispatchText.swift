import Foundation
import Load

/// The report about the expert stage alone, for people.
struct DispatchText {
    private let report: DispatchLoadReport

    init(_ report: DispatchLoadReport) { self.report = report }

    var table: String {
        var parts = [heading, runs.text]
        let failures = report.runs.flatMap(\.failures)
        if !failures.isEmpty { parts.append(LoadText.failures(failures)) }
        for (kind, path) in [("expert", \DispatchRun.experts), ("worker", \DispatchRun.workers)] { parts.append(shares(kind, path).text) }
        let counters = report.runs.reduce(into: [:]) { $0.merge($1.counters, uniquingKeysWith: +) }
        if !counters.isEmpty { parts.append(LoadText.counters(counters, per: ("tile", report.runs.reduce(0) { $0 + $1.tiles }))) }
        return parts.joined(separator: "\n\n")
    }

    private var heading: String {
        let pattern = report.rate.map { "open loop, \(LoadText.short($0)) tiles/s" } ?? "closed loop, \(report.concurrency ?? 0) tiles under way"
        let seconds = report.runs.map(\.seconds).max() ?? 0
        return "expert stage alone: \(pattern), \(report.workers) workers, width \(report.width), seed \(report.seed): up to \(LoadText.short(seconds)) s measured for each size of tile"
            + (report.runs.contains(where: \.endedEarly) ? ", ENDED EARLY" : "")
    }

    private var runs: TextTable {
        var table = TextTable([
            "rows per tile", "tiles/s", "rows/s", "GB/s there", "GB/s back", "ticket mean ms", "p50", "p90", "p99", "compute p50 ms", "of ticket time", "failed",
        ])
        for run in report.runs {
            table.add([
                "\(run.rows)", LoadText.short(run.tilesPerSecond), LoadText.short(run.rowsPerSecond), String(format: "%.3f", run.gigabytesPerSecondThere),
                String(format: "%.3f", run.gigabytesPerSecondBack), LoadText.milliseconds(run.tickets.mean), LoadText.milliseconds(run.tickets.p50),
                LoadText.milliseconds(run.tickets.p90), LoadText.milliseconds(run.tickets.p99), LoadText.milliseconds(run.compute.p50),
                LoadText.percent(run.computeShare), "\(run.failed)",
            ])
        }
        return table
    }

    /// One column per size of tile.
    private func shares(_ kind: String, _ path: KeyPath<DispatchRun, [LoadReport.Share]>) -> TextTable {
        var table = TextTable([kind] + report.runs.map { "rows (\($0.rows) per tile)" })
        let names = report.runs.flatMap { $0[keyPath: path].map(\.name) }.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        for name in names {
            table.add([name] + report.runs.map { run in run[keyPath: path].first { $0.name == name }.map { "\(grouped($0.rows))" } ?? "·" })
        }
        return table
    }

    var warnings: [String] {
        var warnings = report.runs.flatMap { LoadText.warnings($0.generator, isOpen: report.rate != nil) }
        if report.runs.allSatisfy({ $0.tiles == 0 }) { warnings.append("NO TILE WAS COMPUTED in the measured time") }
        return warnings
    }
}
