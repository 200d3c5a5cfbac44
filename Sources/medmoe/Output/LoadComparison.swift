import Load
import Plots

/// Reports of the same load at several rates.
struct LoadComparison {
    private let reports: [LoadReport]
    /// What a closed loop answered: the most that there is.
    private let saturation: Double?

    init(_ reports: [LoadReport]) {
        self.reports = reports.filter { $0.plan.rate != nil }.sorted { ($0.plan.rate ?? 0) < ($1.plan.rate ?? 0) }
        saturation = reports.filter { $0.plan.concurrency != nil }.map(\.rates.answers).max()
        closed = reports.filter { $0.plan.concurrency != nil }
    }

    private let closed: [LoadReport]

    var text: String {
        var table = TextTable([
            "load", "answers/s", "output tokens/s", "goodput/s", "good", "failed", "TTFT p50 ms", "p99", "TPOT p50 ms", "p99", "end to end p50 ms", "p99", "sent late p99",
        ])
        for report in closed + reports {
            let latencies = report.latencies
            table.add([
                report.plan.rate.map { "\(LoadText.short($0))/s" } ?? "\(report.plan.concurrency ?? 0) at a time", LoadText.short(report.rates.answers),
                LoadText.short(report.rates.outputTokens), LoadText.short(report.goodput.perSecond), LoadText.percent(report.goodput.share),
                "\(report.requests.failed)",
            ] + [
                latencies.ttft.p50, latencies.ttft.p99, latencies.tpot.p50, latencies.tpot.p99, latencies.e2e.p50, latencies.e2e.p99,
                report.generator.lateness.p99,
            ].map(LoadText.milliseconds))
        }
        return table.text
    }

    /// By file name without its ending; none for fewer than two rates.
    var figures: [String: Figure] {
        guard reports.count > 1 else { return [:] }
        func series(_ name: String, dashed: Bool = false, color: Int, _ value: (LoadReport) -> Double?) -> Series {
            Series(
                name, .linePoints, reports.compactMap { report in value(report).map { Point(report.plan.rate ?? 0, $0) } }, isDashed: dashed,
                color: color)
        }
        let marks = saturation.map { [Reference("saturation (closed loop)", .vertical($0))] } ?? []
        func some(_ latency: Latency, _ value: Double) -> Double? { latency.count > 0 ? max(0.001, value) : nil }
        let rate = Axis("requests made per second (open loop)", including: [0])
        let most = reports.compactMap(\.plan.rate).max() ?? 1
        let limits = reports[0].goodput.limits
        let stated = [("TTFT", limits.ttft), ("TPOT", limits.tpot), ("end to end", limits.e2e)]
            .compactMap { name, limit in limit.map { "\(name) ≤ \(LoadText.short($0)) ms" } }.joined(separator: ", ")
        let latency = Plot(
            title: "Latency over rate", subtitle: "from the intended arrival; solid: median, dashed: 99th percentile", x: rate,
            y: Axis("ms", .logarithmic),
            series: [
                series("TTFT p50", color: 0) { some($0.latencies.ttft, $0.latencies.ttft.p50) },
                series("TTFT p99", dashed: true, color: 0) { some($0.latencies.ttft, $0.latencies.ttft.p99) },
                series("TPOT p50", color: 1) { some($0.latencies.tpot, $0.latencies.tpot.p50) },
                series("TPOT p99", dashed: true, color: 1) { some($0.latencies.tpot, $0.latencies.tpot.p99) },
                series("end to end p50", color: 2) { some($0.latencies.e2e, $0.latencies.e2e.p50) },
                series("end to end p99", dashed: true, color: 2) { some($0.latencies.e2e, $0.latencies.e2e.p99) },
            ].filter { !$0.points.isEmpty }, references: marks)
        let goodput = Plot(
            title: "Goodput over rate", subtitle: stated.isEmpty ? "no limits were stated: every answer is good" : "good: \(stated)", x: rate,
            y: Axis("requests/s", including: [0]),
            series: [
                series("answered", color: 0) { $0.rates.answers }, series("good", color: 2) { $0.goodput.perSecond },
                series("failed", color: 1) { $0.seconds > 0 ? Double($0.requests.failed) / $0.seconds : 0 },
            ], references: [Reference("made", .path([Point(0, 0), Point(most, most)]))] + marks)
        return ["latency-over-rate": Figure(panels: [latency]), "goodput-over-rate": Figure(panels: [goodput])]
    }
}
