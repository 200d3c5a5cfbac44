import Foundation
import Testing

@testable import Load

private func record(_ number: Int, at intended: Double, tokens: [Double], ended: Double, _ answer: RequestRecord.Answer = .init(promptTokens: 10)) -> RequestRecord {
    RequestRecord(number: number, intended: intended, sent: intended, tokens: tokens, ended: ended, outcome: .answered(answer))
}

extension LoadMeter {
    /// All that happens to a request, in order of its own times.
    fileprivate mutating func take(_ record: RequestRecord) {
        began(intended: record.intended, sent: record.sent)
        for time in record.tokens { sawToken(at: time) }
        ended(record)
    }
}

@Suite struct LatencyTests {
    @Test("percentiles of known streams, to three digits")
    func knownStreams() {
        var uniform = LatencyHistogram()
        for value in 1...10_000 { uniform.record(milliseconds: Double(value)) }
        let latency = uniform.latency
        for (found, wanted) in [(latency.p50, 5000), (latency.p90, 9000), (latency.p99, 9900), (latency.most, 10_000), (latency.mean, 5000.5)] {
            #expect(abs(found / wanted - 1) < 0.002, "\(found) for \(wanted)")
        }
        var two = LatencyHistogram()
        for number in 0..<1000 { two.record(milliseconds: number < 989 ? 0.25 : 4000) }
        #expect(two.latency.p90 == 0.25 && abs(two.latency.p99 / 4000 - 1) < 0.002)
    }

    @Test("nothing has no latency, and what cannot be is not recorded as something else")
    func edges() {
        #expect(LatencyHistogram().latency == Latency(count: 0, mean: 0, p50: 0, p90: 0, p99: 0, most: 0, curve: []))
        var odd = LatencyHistogram()
        odd.record(milliseconds: -5)
        odd.record(milliseconds: 1e12)
        #expect(odd.count == 2 && odd.latency.p50 == 0 && abs(odd.latency.most / 86_400_000 - 1) < 0.002)
    }

    @Test("the curve rises to the last value and ends where one value is left")
    func curve() {
        var values = LatencyHistogram()
        for value in 1...1000 { values.record(milliseconds: Double(value)) }
        let curve = values.latency.curve
        #expect(curve.first?.percentile == 0 && abs((curve.last?.percentile ?? 0) - 99.9) < 0.001)
        #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.ms <= $1.ms && $0.percentile < $1.percentile })
    }
}

@Suite struct MeterTests {
    private let tenSeconds = LoadPlan(pattern: .open(rate: 1), extent: LoadExtent(warmUp: 2, duration: 10))

    @Test("TTFT, TPOT, ITL and end to end count from the intended time")
    func latencies() {
        var meter = LoadMeter(tenSeconds)
        // Due at 3, sent half a second late, tokens at 4, 4.1, 4.3, end at 4.4.
        meter.take(RequestRecord(
            number: 0, intended: 3, sent: 3.5, tokens: [4, 4.1, 4.3], ended: 4.4, outcome: .answered(.init(promptTokens: 7, queue: 12))))
        let latencies = meter.report(at: 13).latencies
        let pairs: [(Double, Double)] = [
            (latencies.ttft.p50, 1000), (latencies.tpot.p50, 200), (latencies.itl.mean, 150), (latencies.itl.most, 200), (latencies.e2e.p50, 1400),
            (latencies.queue.p50, 12), (meter.report(at: 13).generator.lateness.most, 500),
        ]
        for (found, wanted) in pairs { #expect(abs(found / wanted - 1) < 0.002, "\(found) for \(wanted)") }
        #expect(latencies.e2eCorrected == nil)
        #expect(!meter.report(at: 13).generator.keptItsPlan)
    }

    @Test("only requests due in the measured time count, and only tokens and ends within it make rates")
    func window() {
        var meter = LoadMeter(tenSeconds)
        meter.take(record(0, at: 1, tokens: [1.5, 2.5], ended: 3))
        for number in 1...5 { meter.take(record(number, at: Double(number) * 2, tokens: [Double(number) * 2 + 0.1], ended: Double(number) * 2 + 0.5)) }
        // Due within, over after the end.
        meter.take(record(6, at: 11.9, tokens: [12.5, 13], ended: 13))
        // Also when nothing was due any more and all had ended before the end.
        #expect(meter.report(at: 11).seconds == 10)
        let report = meter.report(at: 14)
        #expect(report.requests == .init(measured: 6, answered: 6, failed: 0, abandoned: 0, warmUp: 1, degraded: 0))
        #expect(report.seconds == 10)
        #expect(report.rates.arrivals == 0.6 && report.rates.answers == 0.6)
        #expect(report.outputTokens == 6 && report.rates.outputTokens == 0.6 && report.promptTokens == 60)
        #expect(report.latencies.e2e.count == 6)
        #expect(report.timeline.reduce(0) { $0 + $1.tokens } == 9 && report.timeline.reduce(0) { $0 + $1.arrived } == 7)
    }

    @Test("a load of so many requests is measured until the last answer; a stopped one until it was stopped")
    func lengths() {
        var meter = LoadMeter(LoadPlan(pattern: .closed(concurrency: 1), extent: LoadExtent(warmUp: 1, requests: 2)))
        meter.take(record(0, at: 1, tokens: [2], ended: 3))
        meter.take(record(1, at: 3, tokens: [4], ended: 5))
        #expect(meter.report(at: 5.5).seconds == 4 && meter.report(at: 5.5).rates.answers == 0.5)
        var stopped = LoadMeter(tenSeconds)
        stopped.take(record(0, at: 3, tokens: [4], ended: 5))
        stopped.began(intended: 5, sent: 5)
        stopped.ended(RequestRecord(number: 1, intended: 5, sent: 5, ended: 6, outcome: .abandoned))
        let report = stopped.report(at: 6, endedEarly: true)
        #expect(report.seconds == 4 && report.endedEarly && report.requests.abandoned == 1 && report.requests.failed == 0)
        #expect(report.goodput.share == 1)
        // Before anything was measured.
        #expect(LoadMeter(tenSeconds).report(at: 1, endedEarly: true).rates.answers == 0)
    }

    @Test("goodput is the share of all requests that meet every stated limit")
    func goodput() {
        func good(_ limits: GoodputLimits) -> (Int, Double, Double) {
            var plan = tenSeconds
            plan.limits = limits
            var meter = LoadMeter(plan)
            meter.take(record(0, at: 3, tokens: [3.1, 3.2, 3.3], ended: 3.3))
            meter.take(record(1, at: 3, tokens: [3.5, 3.6], ended: 3.6))
            meter.take(record(2, at: 3, tokens: [3.1, 4.1], ended: 4.1))
            meter.began(intended: 4, sent: 4)
            meter.ended(RequestRecord(number: 3, intended: 4, sent: 4, ended: 4, outcome: .failed(kind: "overloaded", reason: "full")))
            let goodput = meter.report(at: 12).goodput
            return (goodput.requests, goodput.share, goodput.perSecond)
        }
        #expect(good(.init()) == (3, 0.75, 0.3))
        #expect(good(.init(ttft: 200)) == (2, 0.5, 0.2))
        #expect(good(.init(tpot: 150)) == (2, 0.5, 0.2))
        #expect(good(.init(e2e: 1000)) == (2, 0.5, 0.2))
        #expect(good(.init(ttft: 200, tpot: 150, e2e: 1000)) == (1, 0.25, 0.1))
    }

    @Test("failures are counted by kind, with an example, the most frequent first")
    func failures() {
        var meter = LoadMeter(tenSeconds)
        for (number, kind) in ["deadline", "overloaded", "overloaded", "deadline", "overloaded"].enumerated() {
            meter.began(intended: 3, sent: 3)
            meter.ended(RequestRecord(number: number, intended: 3, sent: 3, ended: 4, outcome: .failed(kind: kind, reason: "\(kind) \(number)")))
        }
        meter.leftOut(intended: 5)
        let report = meter.report(at: 12)
        #expect(report.failures.map(\.kind) == ["overloaded", "deadline", "not_sent"])
        #expect(report.failures.map(\.count) == [3, 2, 1] && report.failures[0].example == "overloaded 1")
        #expect(report.requests.failed == 6 && report.requests.measured == 6 && report.generator.omitted == 1 && !report.generator.keptItsPlan)
    }

    @Test("rows are summed by expert and worker, with the experts' names")
    func shares() {
        var meter = LoadMeter(tenSeconds)
        meter.take(record(0, at: 3, tokens: [4], ended: 4, .init(promptTokens: 1, rowsByExpert: [0: 30, 2: 10], rowsByWorker: ["a": 40])))
        meter.take(record(1, at: 3, tokens: [4], ended: 4, .init(promptTokens: 1, rowsByExpert: [2: 60], rowsByWorker: ["a": 20, "b": 40], isDegraded: true)))
        let report = meter.report(at: 12, domains: ["CT", "MRI"])
        #expect(report.experts == [.init(name: "CT", rows: 30, share: 0.3), .init(name: "2", rows: 70, share: 0.7)])
        #expect(report.workers.map(\.rows) == [60, 40] && report.requests.degraded == 1)
    }

    @Test("a report is the same after JSON, and its names are in snake case")
    func json() throws {
        var meter = LoadMeter(LoadPlan(pattern: .closed(concurrency: 2), extent: LoadExtent(warmUp: 0, duration: 10), limits: .init(ttft: 5)))
        meter.take(record(0, at: 3, tokens: [4, 5], ended: 5, .init(promptTokens: 1, queue: 2, rowsByExpert: [0: 3])))
        var report = meter.report(at: 12)
        report.counters = ["tiles_sent": 4, "rowsDone": 2]
        let data = try ReportCoding.encode(report)
        #expect(try ReportCoding.decode(LoadReport.self, from: data) == report)
        let text = String(decoding: data, as: UTF8.self)
        for name in ["\"output_tokens\"", "\"warm_up_seconds\"", "\"e2e_corrected\"", "\"tiles_sent\"", "\"rowsDone\"", "\"per_second\""] {
            #expect(text.contains(name), "\(name) is not in \(text)")
        }
    }

    @Test("a long load has as many slices as a short one, and loses nothing")
    func longTimeline() {
        var timeline = Timeline()
        for second in 0..<10_000 { timeline.note(at: Double(second)) { $0.tokens += 1; $0.running = max($0.running, second % 7) } }
        #expect(timeline.slices.count <= 1200 && timeline.width == 16)
        #expect(timeline.slices.reduce(0) { $0 + $1.tokens } == 10_000 && timeline.slices.allSatisfy { $0.running == 6 })
        #expect(zip(timeline.slices, timeline.slices.dropFirst()).allSatisfy { $1.second - $0.second == 16 })
    }

    @Test("counters tell their growth, also of a coordinator that was restarted")
    func counters() {
        let before = CoordinatorCounters(["tiles": 10, "idle": 3, "rows": 100])
        #expect(CoordinatorCounters(["tiles": 25, "idle": 3, "rows": 7, "new": 2]).growth(since: before) == ["tiles": 15, "rows": 7, "new": 2])
    }
}
