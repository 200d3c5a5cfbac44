import Load
import Plots

/// A load's reports as figures, by file name without its ending.
enum LoadFigures {
    static func figures(of report: LoadReport) throws -> [String: Figure] {
        var figures: [String: Figure] = [:]
        if report.timeline.count > 1 { figures["throughput"] = throughput(report) }
        if let latency = latency(report) { figures["latency"] = Figure(panels: [latency]) }
        if !report.experts.isEmpty {
            figures["experts"] = Figure(panels: [bars("Rows per expert", "rows", [("", report.experts)])])
        }
        return figures
    }

    static func figures(of report: DispatchLoadReport) throws -> [String: Figure] {
        let runs = report.runs.filter { $0.tiles > 0 }
        guard !runs.isEmpty else { return [:] }
        let sizes = runs.map { "\($0.rows)" }
        func series(_ name: String, _ value: (DispatchRun) -> Double) -> Series {
            Series(name, .bars, runs.enumerated().map { Point(Double($0), value($1)) })
        }
        let subtitle = "\(report.workers) workers, " + (report.rate.map { "open loop, \(LoadText.short($0)) tiles/s" } ?? "\(report.concurrency ?? 0) tiles under way")
        return [
            "dispatch": Figure(panels: [
                Plot(title: "Expert stage alone", subtitle: subtitle, x: Axis("rows per tile", .categories(sizes)), y: Axis("rows per second"),
                     series: [series("", \.rowsPerSecond)]),
                Plot(title: "A tile's time", x: Axis("rows per tile", .categories(sizes)), y: Axis("ms"),
                     series: [series("ticket p50", \.tickets.p50), series("ticket p99", \.tickets.p99), series("computing p50", \.compute.p50)]),
            ]),
            "dispatch-latency": Figure(panels: [
                curves("Time of a tile, there and back", runs.map { ("\($0.rows) rows", $0.tickets) }),
            ]),
            "experts": Figure(panels: [bars("Rows per expert", "rows", runs.map { ("\($0.rows) rows per tile", $0.experts) })]),
        ]
    }

    private static func throughput(_ report: LoadReport) -> Figure {
        let width = report.sliceSeconds
        // The last one is usually not complete.
        let slices = report.timeline
        func line(_ name: String, _ value: (LoadReport.Slice) -> Double) -> Series {
            Series(name, .line, slices.map { Point($0.second + width / 2, value($0)) })
        }
        var marks = [Reference("measured from", .vertical(report.plan.warmUpSeconds))]
        if report.plan.warmUpSeconds == 0 { marks = [] }
        let end = report.plan.warmUpSeconds + report.seconds
        if let last = slices.last, end < last.second + width { marks.append(Reference("to", .vertical(end))) }
        let time = Axis("seconds")
        let pattern = report.plan.rate.map { "open loop, \(LoadText.short($0)) requests/s" } ?? "closed loop, \(report.plan.concurrency ?? 0) at the same time"
        return Figure(panels: [
            Plot(title: "Output tokens per second", subtitle: pattern, x: time, y: Axis("tokens/s", including: [0]),
                 series: [line("", { Double($0.tokens) / width })], references: marks),
            Plot(title: "Requests", x: time, y: Axis("requests", including: [0]),
                 series: [
                    line("under way, at most") { Double($0.running) }, line("arrived per second") { Double($0.arrived) / width },
                    line("answered per second") { Double($0.answered) / width }, line("failed per second") { Double($0.failed) / width },
                 ], references: marks),
        ], panelHeight: 300)
    }

    private static func latency(_ report: LoadReport) -> Plot? {
        let latencies = [("TTFT", report.latencies.ttft), ("TPOT", report.latencies.tpot), ("ITL", report.latencies.itl), ("end to end", report.latencies.e2e)]
            .filter { !$0.1.curve.isEmpty }
        return latencies.isEmpty ? nil : curves("Latency", latencies)
    }

    private static func curves(_ title: String, _ latencies: [(name: String, latency: Latency)]) -> Plot {
        Plot(
            title: title, x: Axis("percentile", .percentile), y: Axis("ms", .logarithmic),
            series: latencies.map { name, latency in
                // A microsecond is what the clock of a report can tell.
                Series(name, .line, latency.curve.map { Point($0.percentile, max(0.001, $0.ms)) })
            })
    }

    private static func bars(_ title: String, _ unit: String, _ groups: [(name: String, shares: [LoadReport.Share])]) -> Plot {
        let names = groups.flatMap { $0.shares.map(\.name) }.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        return Plot(
            title: title, x: Axis("", .categories(names)), y: Axis(unit),
            series: groups.map { group in
                Series(group.name, .bars, group.shares.compactMap { share in
                    names.firstIndex(of: share.name).map { Point(Double($0), Double(share.rows)) }
                })
            })
    }
}
