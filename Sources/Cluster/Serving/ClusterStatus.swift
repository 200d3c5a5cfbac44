import MedMoE
import Wire

/// A coordinator at one moment.
public struct ClusterStatus: Sendable, Hashable {
    public var coordinator: Incarnation
    public var dispatch: DispatchStatus
    public var runningRequests: Int
    public var waitingRequests: Int
    /// No new requests are taken.
    public var isDraining: Bool
    public var clients: ClientCounters
    public var links: LinkCounters
    /// What each expert is for, by index; empty when the model does not say.
    public var domains: [String]
    /// Hexadecimal SHA-256 that names the model.
    public var modelDigest: String

    /// As a message; lists as many workers and missing experts as are sure to fit.
    func reply(to inquiry: UInt64) -> StatusReply {
        StatusReply(
            inquiry: inquiry, coordinator: coordinator.description, covered: dispatch.missing.isEmpty,
            missing: dispatch.missing.sorted().prefix(1024).map { StatusReply.Place(layer: $0.layer, expert: $0.expert) },
            workers: dispatch.workers.prefix(100).map { worker in
                StatusReply.Worker(
                    name: worker.name, run: worker.incarnation.description,
                    experts: Array(Set(worker.holdings.map(\.expert)).sorted().prefix(64)), places: worker.holdings.count,
                    outstandingTiles: worker.outstandingTiles, outstandingRows: worker.outstandingRows,
                    tilesDone: worker.tilesDone, rowsDone: worker.rowsDone,
                    silentMilliseconds: Int(worker.silent / .milliseconds(1)), isLeaving: worker.isLeaving, isStuck: worker.isStuck,
                    rowsPerSecond: worker.rowsPerSecond, pace: worker.pace)
            },
            workersTotal: dispatch.workers.count, waitingTiles: dispatch.waitingTiles, runningRequests: runningRequests,
            waitingRequests: waitingRequests,
            counters: dispatch.counters.named.merging(clients.named, uniquingKeysWith: { a, _ in a })
                .merging(["stalls": dispatch.stalls], uniquingKeysWith: { a, _ in a })
                .merging(links.named, uniquingKeysWith: { a, _ in a }),
            domains: Array(domains.prefix(WireLimits.domainCount)), modelDigest: modelDigest,
            experts: dispatch.experts.prefix(WireLimits.domainCount).map(StatusReply.Expert.init), draining: isDraining,
            waits: StatusReply.Times(dispatch.waits), longestWait: dispatch.longestWait.inMilliseconds)
    }
}

extension StatusReply.Expert {
    init(_ expert: DispatchStatus.Expert) {
        self.init(
            expert: expert.expert, replicas: expert.replicas, rowsDone: expert.rowsDone, rowsPerSecond: expert.rowsPerSecond,
            waitingTiles: expert.waitingTiles, outstandingRows: expert.outstandingRows,
            roundTrip: StatusReply.Times(expert.roundTrip), compute: StatusReply.Times(expert.compute))
    }
}

extension StatusReply.Times {
    init(_ times: DispatchStatus.Times) { self.init(p50: times.p50.inMilliseconds, p99: times.p99.inMilliseconds) }
}
