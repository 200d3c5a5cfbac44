/// Events of a load in, report out. Times are seconds since the load began.
public struct LoadMeter: Sendable {
    private let plan: LoadPlan
    private let coordinators: Int
    private var ttft = LatencyHistogram()
    private var tpot = LatencyHistogram()
    private var itl = LatencyHistogram()
    private var e2e = LatencyHistogram()
    private var queue = LatencyHistogram()
    private var lateness = LatencyHistogram()
    private var requests = LoadReport.Requests(measured: 0, answered: 0, failed: 0, abandoned: 0, warmUp: 0, degraded: 0)
    private var failures: [String: (count: Int, example: String)] = [:]
    private var good = 0
    private var omitted = 0
    private var endedInWindow = 0
    private var outputTokens = 0
    private var promptTokens = 0
    private var rowsByExpert: [Int: Int] = [:]
    private var rowsByWorker: [String: Int] = [:]
    private var timeline = Timeline()
    private var running = 0
    private var allTokens = 0
    private var allFailed = 0
    private var lastEnd = 0.0

    public init(_ plan: LoadPlan, coordinators: Int = 1) {
        self.plan = plan
        self.coordinators = coordinators
    }

    private func isMeasured(_ time: Double) -> Bool { time >= plan.extent.warmUp && time < plan.extent.end }

    /// A request was sent.
    public mutating func began(intended: Double, sent: Double) {
        running += 1
        timeline.note(at: intended) { $0.arrived += 1 }
        note(at: sent) { _ in }
        if isMeasured(intended) { lateness.record(milliseconds: (sent - intended) * 1000) }
    }

    /// A request was left out, because too many are under way.
    public mutating func leftOut(intended: Double) {
        timeline.note(at: intended) {
            $0.arrived += 1
            $0.failed += 1
        }
        allFailed += 1
        guard isMeasured(intended) else { return }
        omitted += 1
        requests.measured += 1
        fail("not_sent", "the load had \(plan.mostUnderWay) requests under way and made no more")
    }

    /// A token came.
    public mutating func sawToken(at time: Double) {
        allTokens += 1
        if isMeasured(time) { outputTokens += 1 }
        note(at: time) { $0.tokens += 1 }
    }

    /// A change of the slice at `time`, which is now.
    private mutating func note(at time: Double, _ change: (inout LoadReport.Slice) -> Void) {
        let running = running
        timeline.note(at: time) { slice in
            slice.running = max(slice.running, running)
            change(&slice)
        }
    }

    /// A request ended.
    public mutating func ended(_ record: RequestRecord) {
        lastEnd = max(lastEnd, record.ended)
        note(at: record.ended) { slice in
            switch record.outcome {
            case .answered: slice.answered += 1
            case .failed: slice.failed += 1
            case .abandoned: break
            }
        }
        running -= 1
        if case .failed = record.outcome { allFailed += 1 }
        if case .answered(let answer) = record.outcome, isMeasured(record.ended) {
            endedInWindow += 1
            promptTokens += answer.promptTokens
        }
        guard isMeasured(record.intended) else {
            if record.intended < plan.extent.warmUp { requests.warmUp += 1 }
            return
        }
        requests.measured += 1
        switch record.outcome {
        case .answered(let answer): count(record, answer)
        case .failed(let kind, let reason): fail(kind, reason)
        case .abandoned: requests.abandoned += 1
        }
    }

    private mutating func count(_ record: RequestRecord, _ answer: RequestRecord.Answer) {
        requests.answered += 1
        if answer.isDegraded { requests.degraded += 1 }
        if let value = record.ttft { ttft.record(milliseconds: value) }
        if let value = record.tpot { tpot.record(milliseconds: value) }
        for gap in record.gaps { itl.record(milliseconds: gap) }
        e2e.record(milliseconds: record.e2e)
        queue.record(milliseconds: answer.queue)
        if record.meets(plan.limits) { good += 1 }
        rowsByExpert.merge(answer.rowsByExpert, uniquingKeysWith: +)
        rowsByWorker.merge(answer.rowsByWorker, uniquingKeysWith: +)
    }

    private mutating func fail(_ kind: String, _ reason: String) {
        requests.failed += 1
        failures[kind, default: (0, reason)].count += 1
    }

    /// How it goes.
    public func progress(at time: Double) -> LoadProgress {
        LoadProgress(
            seconds: time, isWarmingUp: time < plan.extent.warmUp, running: running, answered: requests.answered,
            tokens: allTokens, failed: allFailed, ttftP50: ttft.percentile(50), ttftP99: ttft.percentile(99))
    }

    /// - Parameters:
    ///   - time: when the load ended, or was ended.
    ///   - endedEarly: it was stopped.
    ///   - domains: names of experts, by index.
    public func report(at time: Double, endedEarly: Bool = false, domains: [String] = []) -> LoadReport {
        let isComplete = plan.extent.requests.map { requests.measured >= $0 } ?? false
        let seconds = plan.extent.measured(stoppedAt: endedEarly ? time : nil, lastEnd: isComplete ? lastEnd : nil)
        func perSecond(_ count: Int) -> Double { seconds > 0 ? Double(count) / seconds : 0 }
        var concurrency: Int?
        var rate: Double?
        switch plan.pattern {
        case .open(let value): rate = value
        case .closed(let value): concurrency = value
        }
        let decided = requests.measured - requests.abandoned
        return LoadReport(
            plan: .init(
                rate: rate, concurrency: concurrency, warmUpSeconds: plan.extent.warmUp, durationSeconds: plan.extent.duration,
                requests: plan.extent.requests, seed: plan.seed, coordinators: coordinators),
            seconds: seconds, endedEarly: endedEarly, requests: requests,
            failures: failures.map { LoadReport.Failure(kind: $0.key, count: $0.value.count, example: $0.value.example) }
                .sorted { ($1.count, $0.kind) < ($0.count, $1.kind) },
            rates: .init(
                arrivals: perSecond(requests.measured), answers: perSecond(endedInWindow), outputTokens: perSecond(outputTokens),
                promptTokens: perSecond(promptTokens)),
            outputTokens: outputTokens, promptTokens: promptTokens,
            latencies: .init(
                ttft: ttft.latency, tpot: tpot.latency, itl: itl.latency, e2e: e2e.latency,
                e2eCorrected: concurrency == nil || e2e.count == 0 ? nil : e2e.corrected(interval: e2e.percentile(50)).latency,
                queue: queue.latency),
            goodput: .init(
                limits: plan.limits, requests: good, share: decided > 0 ? Double(good) / Double(decided) : 0,
                perSecond: perSecond(good)),
            generator: .init(lateness: lateness.latency, omitted: omitted),
            experts: LoadMeter.shares(
                rowsByExpert.sorted { $0.key < $1.key }.map { (domains.indices.contains($0.key) ? domains[$0.key] : "\($0.key)", $0.value) }),
            workers: LoadMeter.shares(rowsByWorker.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }),
            sliceSeconds: timeline.width, timeline: timeline.slices)
    }

    static func shares(_ rows: [(name: String, rows: Int)]) -> [LoadReport.Share] {
        let total = rows.reduce(0) { $0 + $1.rows }
        return rows.map { LoadReport.Share(name: $0.name, rows: $0.rows, share: total > 0 ? Double($0.rows) / Double(total) : 0) }
    }
}

/// A load at one moment.
public struct LoadProgress: Sendable, Hashable {
    /// Since its begin.
    public var seconds: Double
    public var isWarmingUp: Bool
    public var running: Int
    /// Of the measured requests.
    public var answered: Int
    /// So far, warm-up included.
    public var tokens: Int
    public var failed: Int
    /// Milliseconds, of the measured requests.
    public var ttftP50: Double
    public var ttftP99: Double
}
