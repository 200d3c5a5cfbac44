import MedMoE
import Wire

/// What happened so far.
public struct DispatchCounters: Sendable, Hashable {
    public var workersWelcomed: UInt64 = 0
    public var workersRejected: UInt64 = 0
    public var workersLost: UInt64 = 0
    public var tilesSent: UInt64 = 0
    public var tilesDone: UInt64 = 0
    public var rowsDone: UInt64 = 0
    /// Tiles that went to somebody else, or again.
    public var redispatched: UInt64 = 0
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
            "tiles_sent": tilesSent, "tiles_done": tilesDone, "rows_done": rowsDone, "tiles_redispatched": redispatched,
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
        public var outstandingTiles: Int
        public var outstandingRows: Int
        public var outstandingBytes: Int
        public var tilesDone: UInt64
        public var rowsDone: UInt64
        /// Time since it was last heard of.
        public var silent: Duration
    }

    public var workers: [Worker]
    /// Experts of the model that nobody holds.
    public var missing: Set<ExpertAddress>
    public var waitingTiles: Int
    public var openTickets: Int
    public var counters: DispatchCounters
}

extension DispatchMachine {
    public func status(now: Moment) -> DispatchStatus {
        DispatchStatus(
            workers: workers.values.sorted { ($0.name, $0.epoch) < ($1.name, $1.epoch) }.map { session in
                DispatchStatus.Worker(
                    name: session.name, incarnation: session.incarnation, epoch: session.epoch,
                    holdings: Set(session.holdings.keys), isLeaving: session.isLeaving,
                    outstandingTiles: session.owed.count, outstandingRows: session.owedRows,
                    outstandingBytes: session.owedBytes, tilesDone: session.tilesDone, rowsDone: session.rowsDone,
                    silent: session.lastHeard.duration(to: now))
            },
            missing: missing(of: configuration.required), waitingTiles: waitingCount, openTickets: tickets.count,
            counters: counters)
    }
}
