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

/// The coordinator's side of the worker protocol: who holds what, which tile is where, what is still owed.
///
/// Events in, directives out; no socket and no clock. Whoever carries out a `send` that fails reports it as
/// `Event.unreachable`.
public struct DispatchMachine {
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
    /// Who holds what, of the workers that take new tiles.
    var holders = HolderIndex()
    var tickets: [TicketID: Ticket] = [:]
    var tiles: [UInt64: TileState] = [:]
    /// Tiles that nobody has at the moment, oldest first.
    var waiting: [ExpertAddress: [UInt64]] = [:]
    var waitingCount = 0
    /// Since when nobody has held an expert that somebody wanted.
    var uncoveredSince: [ExpertAddress: Moment] = [:]
    /// Experts that have been missing for longer than `patience`: whoever wants them is told at once.
    var givenUp: Set<ExpertAddress> = []
    var hedging: HedgePolicy
    var meter = DispatchMeter()
    var nextEpoch: UInt64
    var nextTile: UInt64
    var lastEvent: Moment?
    /// When `tick` must come next, or a little earlier: what was to happen then may have become needless.
    public internal(set) var nextWake: Moment?
    var directives: [Directive] = []

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        hedging = HedgePolicy(configuration.hedging)
        nextEpoch = configuration.firstEpoch
        nextTile = configuration.firstTile
    }

    /// Takes one event.
    ///
    /// - Returns: what is to be done, in this order.
    public mutating func handle(_ event: Event, now: Moment) -> [Directive] {
        forgiveOwnSleep(now: now)
        switch event {
        case .message(let peer, .hello(let hello)): greet(peer, hello, now: now)
        case .message(let peer, let message): take(message, from: peer, now: now)
        case .malformed(let peer, let error): distrust(peer, error, now: now)
        case .unreachable(let peer): lose(peer, because: "it cannot be reached", now: now)
        case .submit(let ticket, let tiles, let deadline, let whenUncovered):
            submit(ticket, tiles, deadline: deadline, whenUncovered: whenUncovered, now: now)
        case .cancel(let ticket): if tickets[ticket] != nil { finish(ticket, .failure(.cancelled), now: now) }
        case .assign(let id, let worker, let add, let drop): assign(id, worker: worker, add: add, drop: drop, now: now)
        case .tick: tick(now: now)
        }
        defer { directives = [] }
        return directives
    }

    private mutating func take(_ message: WorkerMessage, from peer: PeerIdentity, now: Moment) {
        guard workers[peer] != nil else { return strange(peer) }
        workers[peer]?.lastHeard = now
        switch message {
        case .hello, .beat: break
        case .tileDone(let done): take(done, from: peer, now: now)
        case .tileFailed(let failed): take(failed, from: peer, now: now)
        case .holdings(let changed): take(changed, from: peer, now: now)
        case .unready(let unready): take(unready, from: peer, now: now)
        case .assigned(let assigned): take(assigned, from: peer)
        case .goodbye(let reason): lose(peer, because: "it said goodbye: \(reason)", now: now)
        }
    }

    /// Whether every expert of `required` is held by a worker that is there.
    public func isCovered(_ required: Set<ExpertAddress>) -> Bool { missing(of: required).isEmpty }

    /// The experts of `required` that no worker holds.
    public func missing(of required: Set<ExpertAddress>) -> Set<ExpertAddress> { required.filter { holders.of($0).isEmpty } }
}
