import MedMoE

/// How one tile went. Times are seconds since the load began.
struct TileRecord: Sendable {
    var intended: Double
    var sent: Double
    var ended: Double
    var expert: Int
    var rows: Int
    var outcome: Result<[TileResult.Share], DispatchError>
}

/// Ends of tiles in, report out.
struct TileMeter: Sendable {
    private let plan: LoadPlan
    private let rows: Int
    private let width: Int
    private var tickets = LatencyHistogram()
    private var compute = LatencyHistogram()
    private var lateness = LatencyHistogram()
    private var ticketSeconds = 0.0
    private var computeSeconds = 0.0
    private var byExpert: [Int: Int] = [:]
    private var byWorker: [String: Int] = [:]
    private var failures: [String: (count: Int, example: String)] = [:]
    private var omitted = 0
    private var tilesInWindow = 0
    private var rowsInWindow = 0
    private var lastEnd = 0.0
    private var running = 0
    private var allRows = 0

    init(_ plan: LoadPlan, rows: Int, width: Int) {
        self.plan = plan
        self.rows = rows
        self.width = width
    }

    private func isMeasured(_ time: Double) -> Bool { time >= plan.extent.warmUp && time < plan.extent.end }

    mutating func began() { running += 1 }

    mutating func leftOut(intended: Double) {
        guard isMeasured(intended) else { return }
        omitted += 1
        failures["not_sent", default: (0, "the load had \(plan.mostUnderWay) tiles under way and made no more")].count += 1
    }

    /// - Parameter isCancelled: the load was stopped; what ends now says nothing.
    mutating func ended(_ record: TileRecord, isCancelled: Bool) {
        running -= 1
        lastEnd = max(lastEnd, record.ended)
        if case .success = record.outcome {
            allRows += record.rows
            if isMeasured(record.ended) {
                tilesInWindow += 1
                rowsInWindow += record.rows
            }
        }
        guard isMeasured(record.intended), !isCancelled else { return }
        lateness.record(milliseconds: (record.sent - record.intended) * 1000)
        switch record.outcome {
        case .success(let shares):
            tickets.record(milliseconds: (record.ended - record.intended) * 1000)
            ticketSeconds += record.ended - record.intended
            // Parts of a tile are computed at the same time.
            let longest = Double(shares.map(\.computeNanoseconds).max() ?? 0) / 1e9
            compute.record(milliseconds: longest * 1000)
            computeSeconds += longest
            byExpert[record.expert, default: 0] += record.rows
            for share in shares { byWorker[share.worker, default: 0] += share.rows }
        case .failure(let error): failures[error.kind, default: (0, "\(error)")].count += 1
        }
    }

    func progress(at time: Double) -> DispatchProgress {
        DispatchProgress(
            rows: rows, seconds: time, isWarmingUp: time < plan.extent.warmUp, running: running, rowsDone: allRows,
            failed: failures.values.reduce(0) { $0 + $1.count }, p50: tickets.percentile(50), p99: tickets.percentile(99))
    }

    func run(at time: Double, endedEarly: Bool, domains: [String]) -> DispatchRun {
        let decided = tickets.count + failures.values.reduce(0) { $0 + $1.count }
        let isComplete = plan.extent.requests.map { decided >= $0 } ?? false
        let seconds = plan.extent.measured(stoppedAt: endedEarly ? time : nil, lastEnd: isComplete ? lastEnd : nil)
        func perSecond(_ count: Int) -> Double { seconds > 0 ? Double(count) / seconds : 0 }
        let gigabytes = perSecond(rowsInWindow) * Double(width * MemoryLayout<Float>.size) / 1e9
        return DispatchRun(
            rows: rows, seconds: seconds, endedEarly: endedEarly, tiles: tickets.count, failed: failures.values.reduce(0) { $0 + $1.count },
            failures: failures.map { LoadReport.Failure(kind: $0.key, count: $0.value.count, example: $0.value.example) }
                .sorted { ($1.count, $0.kind) < ($0.count, $1.kind) },
            tilesPerSecond: perSecond(tilesInWindow), rowsPerSecond: perSecond(rowsInWindow), gigabytesPerSecondThere: gigabytes,
            gigabytesPerSecondBack: gigabytes, tickets: tickets.latency, compute: compute.latency,
            computeShare: ticketSeconds > 0 ? computeSeconds / ticketSeconds : 0,
            experts: LoadMeter.shares(
                byExpert.sorted { $0.key < $1.key }.map { (domains.indices.contains($0.key) ? domains[$0.key] : "\($0.key)", $0.value) }),
            workers: LoadMeter.shares(byWorker.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }),
            generator: .init(lateness: lateness.latency, omitted: omitted))
    }
}

/// A load of the expert stage at one moment.
public struct DispatchProgress: Sendable, Hashable {
    /// Of a tile.
    public var rows: Int
    /// Since its begin.
    public var seconds: Double
    public var isWarmingUp: Bool
    public var running: Int
    /// So far, warm-up included.
    public var rowsDone: Int
    public var failed: Int
    /// Milliseconds per ticket.
    public var p50: Double
    public var p99: Double
}
