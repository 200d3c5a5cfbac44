import MedMoE
import Wire

/// Time, as the state machines see it: it is always passed in.
public typealias Moment = ContinuousClock.Instant

/// Names a submission of tiles.
public struct TicketID: Sendable, Hashable {
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }
}

/// Names an assignment of experts to a worker.
public struct AssignmentID: Sendable, Hashable {
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }
}

/// What happens to tiles whose expert nobody holds.
public enum MissingExpertPolicy: String, Sendable, Hashable, CaseIterable {
    /// They wait, until their request's deadline at most.
    case wait
    /// Their request fails at once.
    case fail
    /// The meta expert answers alone, and the answer is marked as degraded.
    case metaOnly = "meta-only"
}

/// What a state machine wants written to the log.
public enum Note: Sendable, Hashable {
    case info(String)
    case warning(String)
}

/// The coordinator's side of the worker protocol: who holds what, which tile is where, what is still owed.
///
/// Events in, directives out; no socket and no clock. Whoever carries out a `send` that fails reports it as
/// `Event.unreachable`.
public struct DispatchMachine {
    /// Everything that does not change.
    public struct Configuration: Sendable {
        /// Names this run of the coordinator.
        public var coordinator: Incarnation
        /// Hidden size D of the model.
        public var width: Int
        /// The experts that the model has.
        public var required: Set<ExpertAddress>
        /// Digests that workers must show; nil accepts any, as long as workers with the same expert agree.
        public var expectedDigests: [ExpertAddress: ExpertDigest]?
        /// The same for meta experts, by layer.
        public var expectedMetaDigests: [Int: ExpertDigest]?
        /// Both sides send something at least this often.
        public var beat: Duration = .seconds(1)
        /// A worker that is silent for this many beats is lost.
        public var liveness = 3
        /// How often a worker that owes a reply is probed.
        public var probe: Duration = .milliseconds(50)
        /// Bytes of rows that may be under way to and in one worker; a single larger tile goes alone.
        public var creditBytes = 4 << 20
        /// Tiles that may wait for a worker.
        public var mostWaitingTiles = 4096
        public var mostWorkers = 1024
        /// What happens to tiles whose expert nobody has held for `patience`.
        public var onMissingExpert = MissingExpertPolicy.wait
        /// How long an expert may be missing while a worker is replaced, before anybody is told.
        public var patience: Duration = .milliseconds(500)
        /// A worker whose reply is overdue by this much after the deadline loses its session, and with it what it owes.
        public var overdue: Duration = .seconds(30)
        /// The first session and the first tile. Random, so that nothing from before a restart looks current.
        public var firstEpoch: UInt64
        public var firstTile: UInt64

        public init(
            coordinator: Incarnation, width: Int, required: Set<ExpertAddress>,
            expectedDigests: [ExpertAddress: ExpertDigest]? = nil, expectedMetaDigests: [Int: ExpertDigest]? = nil,
            firstEpoch: UInt64, firstTile: UInt64
        ) {
            self.coordinator = coordinator
            self.width = width
            self.required = required
            self.expectedDigests = expectedDigests
            self.expectedMetaDigests = expectedMetaDigests
            self.firstEpoch = firstEpoch
            self.firstTile = firstTile
        }
    }

    public enum Event {
        /// A worker's message that could be read.
        case message(PeerIdentity, WorkerMessage)
        /// A message that could not.
        case malformed(PeerIdentity, WireError)
        /// Sending to a peer failed: it is gone, or does not read.
        case unreachable(PeerIdentity)
        case submit(TicketID, [ExpertTile], deadline: Moment, whenUncovered: WhenUncovered = .wait)
        case cancel(TicketID)
        /// A worker (by name, or by the beginning of its run) is to load and unload experts.
        case assign(AssignmentID, worker: String, add: [Int], drop: [Int])
        /// Time passed.
        case tick
    }

    public enum Directive {
        case send(PeerIdentity, CoordinatorMessage)
        case finish(TicketID, Result<[TileResult], DispatchError>)
        /// An assignment ended: done, or why not; and the indices of the experts that the worker holds now.
        case assigned(AssignmentID, failure: String?, experts: [Int])
        case note(Note)
    }

    public let configuration: Configuration
    public internal(set) var counters = DispatchCounters()

    var workers: [PeerIdentity: WorkerSession] = [:]
    var tickets: [TicketID: Ticket] = [:]
    var tiles: [UInt64: TileState] = [:]
    /// Tiles that nobody has at the moment, oldest first.
    var waiting: [ExpertAddress: [UInt64]] = [:]
    var waitingCount = 0
    var nextEpoch: UInt64
    var nextTile: UInt64
    var directives: [Directive] = []

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        nextEpoch = configuration.firstEpoch
        nextTile = configuration.firstTile
    }

    /// Takes one event.
    ///
    /// - Returns: what is to be done, in this order.
    public mutating func handle(_ event: Event, now: Moment) -> [Directive] {
        switch event {
        case .message(let peer, .hello(let hello)): greet(peer, hello, now: now)
        case .message(let peer, let message):
            guard workers[peer] != nil else {
                strange(peer)
                break
            }
            workers[peer]?.lastHeard = now
            switch message {
            case .hello, .beat, .holdings, .unready, .assigned: break
            case .tileDone(let done): take(done, from: peer, now: now)
            case .tileFailed(let failed): take(failed, from: peer, now: now)
            case .goodbye(let reason): lose(peer, because: "it said goodbye: \(reason)", now: now)
            }
        case .malformed(let peer, let error): distrust(peer, error, now: now)
        case .unreachable(let peer): lose(peer, because: "it cannot be reached", now: now)
        case .submit(let ticket, let tiles, let deadline, _): submit(ticket, tiles, deadline: deadline, now: now)
        case .assign(let id, _, _, _): directives.append(.assigned(id, failure: "assignments are not served yet", experts: []))
        case .cancel(let ticket): if tickets[ticket] != nil { finish(ticket, .failure(.cancelled)) }
        case .tick: tick(now: now)
        }
        defer { directives = [] }
        return directives
    }

    /// Whether every expert of `required` is held by a worker that is there.
    public func isCovered(_ required: Set<ExpertAddress>) -> Bool { missing(of: required).isEmpty }

    /// The experts of `required` that no worker holds.
    public func missing(of required: Set<ExpertAddress>) -> Set<ExpertAddress> {
        workers.values.reduce(into: required) { rest, worker in
            if !worker.isLeaving { rest.subtract(worker.holdings.keys) }
        }
    }
}

/// A worker that was welcomed.
struct WorkerSession {
    let identity: PeerIdentity
    let incarnation: Incarnation
    let name: String
    let epoch: UInt64
    let holdings: [ExpertAddress: ExpertDigest]
    let metas: [Int: ExpertDigest]
    var lastHeard: Moment
    var lastSent: Moment
    /// It answers what it has, but takes nothing new.
    var isLeaving = false
    /// Its queue was full: nothing new before this.
    var pausedUntil: Moment?
    /// What it owes, also for tickets that have ended: it still has the rows.
    var owed: [UInt64: OwedTile] = [:]
    var owedRows = 0
    var owedBytes = 0
    var tilesDone: UInt64 = 0
    var rowsDone: UInt64 = 0
    /// Rows ever given to it, to take turns.
    var rowsGiven = 0
}

struct OwedTile {
    let attempt: Int
    let rows: Int
    let bytes: Int
    let deadline: Moment
}

struct Ticket {
    let deadline: Moment
    let tiles: [UInt64]
    var results: [TileResult?]
    var missing: Int
}

struct TileState {
    let ticket: TicketID
    let index: Int
    let tile: ExpertTile
    var attempt = 0
    /// Who has it now; nil while it waits.
    var worker: PeerIdentity?
    /// Runs of workers that will not get it again.
    var refusedBy: Set<Incarnation> = []

    var byteCount: Int { tile.rows.byteCount }
}
