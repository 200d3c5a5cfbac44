import Foundation
import Load

/// A load's report for people.
struct LoadText {
    private let report: LoadReport

    init(_ report: LoadReport) { self.report = report }

    var table: String {
        var parts = [heading, totals.joined(separator: "\n"), latencies.text]
        if !report.failures.isEmpty { parts.append(LoadText.failures(report.failures)) }
        if !report.experts.isEmpty { parts.append(LoadText.shares("expert", report.experts)) }
        if !report.workers.isEmpty { parts.append(LoadText.shares("worker", report.workers)) }
        if !report.counters.isEmpty { parts.append(LoadText.counters(report.counters, per: ("output token", report.outputTokens))) }
        return parts.joined(separator: "\n\n")
    }

    private var heading: String {
        let plan = report.plan
        let pattern = plan.rate.map { "open loop, \(LoadText.short($0)) requests/s" } ?? "closed loop, \(plan.concurrency ?? 0) at the same time"
        let places = plan.coordinators == 1 ? "" : ", \(plan.coordinators) coordinators"
        return "\(pattern)\(places), seed \(plan.seed): \(LoadText.short(report.seconds)) s measured after \(LoadText.short(plan.warmUpSeconds)) s of warm-up"
            + (report.endedEarly ? ", ENDED EARLY" : "")
    }

    private var totals: [String] {
        let requests = report.requests
        let rates = report.rates
        var lines = [
            "requests  \(requests.measured) made (\(LoadText.short(rates.arrivals))/s), \(requests.answered) of them answered, \(requests.failed) failed"
                + (requests.abandoned > 0 ? ", \(requests.abandoned) stopped" : "") + (requests.degraded > 0 ? ", \(requests.degraded) degraded" : ""),
            "rates     \(LoadText.short(rates.answers)) answers/s, \(LoadText.short(rates.outputTokens)) output tokens/s, \(LoadText.short(rates.promptTokens)) prompt tokens/s",
        ]
        let goodput = report.goodput
        if goodput.limits.isGiven {
            let limits = [("TTFT", goodput.limits.ttft), ("TPOT", goodput.limits.tpot), ("end to end", goodput.limits.e2e)]
                .compactMap { name, limit in limit.map { "\(name) ≤ \(LoadText.short($0)) ms" } }.joined(separator: ", ")
            lines.append("goodput   \(LoadText.short(goodput.perSecond)) requests/s, \(LoadText.percent(goodput.share)) of all (\(limits))")
        }
        return lines
    }

    private var latencies: TextTable {
        var table = TextTable(["ms", "mean", "p50", "p90", "p99", "most", "count"])
        func add(_ name: String, _ latency: Latency) {
            table.add([name] + [latency.mean, latency.p50, latency.p90, latency.p99, latency.most].map(LoadText.milliseconds) + ["\(latency.count)"])
        }
        let latencies = report.latencies
        add("TTFT", latencies.ttft)
        add("TPOT", latencies.tpot)
        add("ITL", latencies.itl)
        add("end to end", latencies.e2e)
        if let corrected = latencies.e2eCorrected { add("end to end, corrected", corrected) }
        add("waiting at the coordinator", latencies.queue)
        add("sent late", report.generator.lateness)
        return table
    }

    /// What must not be overlooked.
    var warnings: [String] {
        var warnings = LoadText.warnings(report.generator, isOpen: report.plan.rate != nil)
        if report.requests.answered == 0 { warnings.append("NOTHING WAS ANSWERED in the measured time") }
        return warnings
    }

    static func warnings(_ generator: LoadReport.Generator, isOpen: Bool) -> [String] {
        guard isOpen, !generator.keptItsPlan else { return [] }
        return [
            "THE LOAD DID NOT KEEP ITS SCHEDULE: 1 % of the requests were sent \(milliseconds(generator.lateness.p99)) ms late or more"
                + (generator.omitted > 0 ? ", and \(generator.omitted) were not sent at all" : "")
                + ". Latencies include that; run it on a machine with more room, or lower --rate."
        ]
    }

    static func failures(_ failures: [LoadReport.Failure]) -> String {
        var table = TextTable(["failed", "count", "for instance"])
        for failure in failures { table.add([failure.kind, "\(failure.count)", String(failure.example.prefix(160))]) }
        return table.text
    }

    static func shares(_ kind: String, _ shares: [LoadReport.Share]) -> String {
        var table = TextTable([kind, "rows", "share"])
        for share in shares { table.add([share.name, grouped(share.rows), percent(share.share)]) }
        return table.text
    }

    /// - Parameter unit: what each is divided by, and how much there was of it.
    static func counters(_ counters: [String: Int], per unit: (name: String, count: Int)) -> String {
        var table = TextTable(["counted by coordinators", "grew by", "per \(unit.name)"])
        for (name, growth) in counters.sorted(by: { $0.key < $1.key }) {
            table.add([name, grouped(growth), unit.count > 0 ? String(format: "%.3f", Double(growth) / Double(unit.count)) : "-"])
        }
        return table.text
    }

    static func milliseconds(_ value: Double) -> String { String(format: value < 10 ? "%.2f" : "%.1f", value) }

    static func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }

    /// Three digits or so.
    static func short(_ value: Double) -> String {
        var text = String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
        if text.contains(".") { while text.last == "0" || text.last == "." { if text.removeLast() == "." { break } } }
        return text
    }
}
