import MedMoE
import Wire

/// What happened so far.
public struct DispatchCounters: Sendable, Hashable {
    public var workersWelcomed: UInt64 = 0
    public var workersRejected: UInt64 = 0
    public var workersLost: UInt64 = 0
    /// Those that announced it and owed nothing.
    public var workersLeft: UInt64 = 0
    /// How often a worker fell silent while it owed a reply.
    public var workersStuck: UInt64 = 0
    public var holdingsChanged: UInt64 = 0
    public var tilesSent: UInt64 = 0
    public var tilesDone: UInt64 = 0
    public var rowsDone: UInt64 = 0
    /// Tiles that went to somebody else, or again.
    public var redispatched: UInt64 = 0
    /// Of these, tiles whose worker was lost.
    public var failovers: UInt64 = 0
    /// Tiles that were given to a second worker because the first took long, and how often that one was faster.
    public var hedges: UInt64 = 0
    public var hedgesWon: UInt64 = 0
    /// Tiles for which the meta expert answered alone.
    public var degradedTiles: UInt64 = 0
    /// Tiles that a worker could not or would not compute, or computed wrongly.
    public var refusedTiles: UInt64 = 0
    /// Replies of an earlier session.
    public var staleReplies: UInt64 = 0
    /// Replies that were not owed: a second one, or one for an earlier attempt.
    public var duplicateReplies: UInt64 = 0
    /// Replies to a ticket that has ended.
    public var lateReplies: UInt64 = 0
    public var malformed: UInt64 = 0
    /// Messages of peers without a session.
    public var strangers: UInt64 = 0

    /// By name, for reports.
    public var named: [String: UInt64] {
        [
            "workers_welcomed": workersWelcomed, "workers_rejected": workersRejected, "workers_lost": workersLost,
            "workers_left": workersLeft, "workers_stuck": workersStuck, "holdings_changed": holdingsChanged,
            "tiles_sent": tilesSent, "tiles_done": tilesDone, "rows_done": rowsDone, "tiles_redispatched": redispatched,
            "failovers": failovers, "hedges": hedges, "hedges_won": hedgesWon, "tiles_degraded": degradedTiles,
            "tiles_refused": refusedTiles, "replies_stale": staleReplies, "replies_duplicate": duplicateReplies,
            "replies_late": lateReplies, "messages_malformed": malformed, "messages_of_strangers": strangers,
        ]
    }
}

/// The dispatch at one moment.
public struct DispatchStatus: Sendable, Hashable {
    public struct Worker: Sendable, Hashable {
        public var name: String
        public var incarnation: Incarnation
        public var epoch: UInt64
        public var holdings: Set<ExpertAddress>
        public var isLeaving: Bool
        public var isStuck: Bool
        public var outstandingTiles: Int
        public var outstandingRows: Int
        public var outstandingBytes: Int
        public var tilesDone: UInt64
        public var rowsDone: UInt64
        public var rowsPerSecond: Double
        /// Time that it takes for a tile beside the median of the workers: 1 is usual, 2 twice as long.
        public var pace: Double
        /// Time since it was last heard of.
        public var silent: Duration
    }

    /// Percentiles of the last minute.
    public struct Times: Sendable, Hashable {
        public var p50: Duration
        public var p99: Duration
    }

    /// One domain expert, over all mixture layers.
    public struct Expert: Sendable, Hashable {
        public var expert: Int
        /// Workers that hold it in every mixture layer that has it and take new tiles.
        public var replicas: Int
        public var rowsDone: UInt64
        public var rowsPerSecond: Double
        public var waitingTiles: Int
        public var outstandingRows: Int
        public var roundTrip: Times
        public var compute: Times
    }

    public var workers: [Worker]
    /// By index.
    public var experts: [Expert]
    /// Experts of the model that nobody holds.
    public var missing: Set<ExpertAddress>
    public var waitingTiles: Int
    public var openTickets: Int
    /// Time that a submission waited for its results.
    public var waits: Times
    public var longestWait: Duration
    /// Submissions that waited for longer than a second.
    public var stalls: UInt64
    public var counters: DispatchCounters
}

extension DispatchMachine {
    public func status(now: Moment) -> DispatchStatus {
        let paces = paces(now: now)
        return DispatchStatus(
            workers: workers.values.sorted { ($0.name, $0.epoch) < ($1.name, $1.epoch) }.map { session in
                DispatchStatus.Worker(
                    name: session.name, incarnation: session.incarnation, epoch: session.epoch,
                    holdings: Set(session.holdings.keys), isLeaving: session.isLeaving, isStuck: session.isStuck,
                    outstandingTiles: session.owed.count, outstandingRows: session.owedRows,
                    outstandingBytes: session.owedBytes, tilesDone: session.tilesDone, rowsDone: session.rowsDone,
                    rowsPerSecond: session.rate.rate(now: now), pace: paces[session.identity] ?? 1,
                    silent: session.lastHeard.duration(to: now))
            },
            experts: expertStatus(now: now), missing: missing(of: configuration.required), waitingTiles: waitingCount,
            openTickets: tickets.count, waits: DispatchStatus.Times(meter.waits, now: now), longestWait: meter.longestWait,
            stalls: meter.stalls, counters: counters)
    }

    private func expertStatus(now: Moment) -> [DispatchStatus.Expert] {
        let addresses = Dictionary(grouping: configuration.required, by: \.expert)
        return Set(addresses.keys).union(meter.experts.keys).sorted().map { expert in
            let measured = meter.experts[expert] ?? DispatchMeter.Expert()
            let places = addresses[expert] ?? []
            let everywhere = places.dropFirst().reduce(places.first.map(holders.of) ?? []) { $0.intersection(holders.of($1)) }
            return DispatchStatus.Expert(
                expert: expert, replicas: everywhere.count, rowsDone: measured.rowsDone,
                rowsPerSecond: measured.rate.rate(now: now),
                waitingTiles: waiting.reduce(0) { $0 + ($1.key.expert == expert ? $1.value.count : 0) },
                outstandingRows: workers.values.reduce(0) { sum, worker in
                    sum + worker.owed.values.reduce(0) { $0 + ($1.expert == expert ? $1.rows : 0) }
                },
                roundTrip: DispatchStatus.Times(measured.roundTrip, now: now),
                compute: DispatchStatus.Times(measured.compute, now: now))
        }
    }

    /// The time of each worker beside the median of all, over the size classes that both have seen.
    private func paces(now: Moment) -> [PeerIdentity: Double] {
        var ratios: [PeerIdentity: [Double]] = [:]
        for place in 0..<9 {
            let known = workers.compactMap { peer, worker in worker.times.known(place, now: now).map { (peer: peer, seconds: $0) } }
            let sorted = known.map(\.seconds).sorted()
            guard let median = sorted.isEmpty ? nil : sorted[(sorted.count - 1) / 2], median > 0 else { continue }
            for (peer, seconds) in known { ratios[peer, default: []].append(seconds / median) }
        }
        return ratios.mapValues { $0.reduce(0, +) / Double($0.count) }
    }
}

extension DispatchStatus.Times {
    init(_ values: RecentValues, now: Moment) {
        let (p50, p99) = values.summary(now: now)
        self.init(p50: .microseconds(p50), p99: .microseconds(p99))
    }
}
