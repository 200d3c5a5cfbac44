import MedMoE
import Tensors
import Wire

/// The worker's side of the worker protocol, with one or several coordinators.
///
/// Events in, directives out; no socket and no clock. The worker keeps nothing of a coordinator's requests beyond its
/// tiles, so a lost coordinator costs only those.
public struct WorkerMachine {
    /// Everything that does not change.
    public struct Configuration: Sendable {
        public var hello: Hello
        /// Number of coordinators; links are numbered from 0.
        public var links: Int
        /// Before a coordinator says otherwise.
        public var beat: Duration = .seconds(1)
        /// A coordinator that is silent for this many beats is lost.
        public var liveness = 3
        public var mostQueuedTiles = 1024
        public var mostQueuedBytes = 64 << 20
        /// Tiles handed to the compute thread at a time: one that computes, one that is ready.
        public var computeDepth = 2
        /// After a rejection: the first pause before the next Hello; it doubles up to the longest.
        public var firstRetry: Duration = .seconds(1)
        public var longestRetry: Duration = .seconds(32)

        public init(hello: Hello, links: Int) {
            self.hello = hello
            self.links = links
        }
    }

    public enum Event {
        case start
        case message(link: Int, CoordinatorMessage)
        case malformed(link: Int, WireError)
        case computed(job: UInt64, Computed)
        /// Finish what computes, take nothing new, say goodbye.
        case leave(reason: String)
        case tick
    }

    /// How the compute thread fared.
    public enum Computed: Sendable {
        case rows(Tensor, nanoseconds: UInt64)
        case failed(String)
        case expired
    }

    public enum Directive {
        /// Open the link's socket anew, dropping what it had.
        case reopen(link: Int)
        case send(link: Int, WorkerMessage)
        case compute(Job)
        /// A coordinator does not want this worker.
        case rejected(link: Int, Rejection)
        case welcomed(link: Int)
        /// All is finished and said after `leave`.
        case left
        case note(Note)
    }

    /// A tile for the compute thread.
    public struct Job: Sendable {
        public let id: UInt64
        public let tile: ExpertTile
        /// Nobody waits for it afterwards.
        public let deadline: Moment
    }

    public let configuration: Configuration
    public internal(set) var counters = WorkerCounters()

    var links: [WorkerLink]
    /// Tiles on the compute thread: where their results belong.
    var computing: [UInt64: JobOrigin] = [:]
    var queuedTiles = 0
    var queuedBytes = 0
    var nextJob: UInt64 = 0
    /// The link whose turn it is.
    var turn = 0
    var isLeaving = false
    var hasLeft = false
    var directives: [Directive] = []
    private let held: Set<ExpertAddress>
    private let metaLayers: Set<Int>

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        links = (0..<configuration.links).map { _ in WorkerLink(beat: configuration.beat, retry: configuration.firstRetry) }
        held = Set(configuration.hello.holdings.map { ExpertAddress(layer: $0.layer, expert: $0.expert) })
        metaLayers = Set(configuration.hello.metas.map(\.layer))
    }

    /// Takes one event.
    ///
    /// - Returns: what is to be done, in this order.
    public mutating func handle(_ event: Event, now: Moment) -> [Directive] {
        switch event {
        case .start: for link in links.indices { greet(link, now: now) }
        case .message(let link, let message): if links.indices.contains(link), !hasLeft { take(message, link, now: now) }
        case .malformed(let link, let error):
            counters.malformed += 1
            directives.append(.note(.warning("coordinator \(link) sent a malformed message: \(error)")))
        case .computed(let job, let result): take(result, job: job, now: now)
        case .leave(let reason): leave(reason, now: now)
        case .tick: tick(now: now)
        }
        startComputing(now: now)
        defer { directives = [] }
        return directives
    }

    private mutating func take(_ message: CoordinatorMessage, _ link: Int, now: Moment) {
        links[link].lastHeard = now
        switch message {
        case .beat, .probe, .forget, .assign: break
        case .welcome(let welcome):
            guard !isLeaving else { break }
            drop(link)
            links[link].phase = .serving(epoch: welcome.epoch)
            links[link].beat = .milliseconds(welcome.beatMilliseconds)
            links[link].retry = configuration.firstRetry
            directives.append(.welcomed(link: link))
        case .rejected(let rejection): take(rejection, link, now: now)
        case .tile(let tile): take(tile, link, now: now)
        case .goodbye(let reason):
            directives.append(.note(.info("coordinator \(link) said goodbye: \(reason)")))
            drop(link)
            links[link].phase = .away(until: now + configuration.beat)
        }
    }

    private mutating func take(_ rejection: Rejection, _ link: Int, now: Moment) {
        drop(link)
        if rejection.code == .helloFirst {
            // The coordinator forgot us, or is a new one. A short pause, lest two confused sides talk without end.
            links[link].phase = .away(until: now + .milliseconds(50))
            return
        }
        counters.rejections += 1
        links[link].phase = .away(until: now + links[link].retry)
        links[link].retry = min(links[link].retry * 2, configuration.longestRetry)
        directives.append(.rejected(link: link, rejection))
    }

    private mutating func take(_ tile: Tile, _ link: Int, now: Moment) {
        guard case .serving(let epoch) = links[link].phase, epoch == tile.epoch else {
            counters.staleTiles += 1
            return
        }
        func refuse(_ code: TileFailed.Code, _ reason: String) {
            counters.refusedTiles += 1
            send(link, .tileFailed(TileFailed(epoch: epoch, tile: tile.tile, attempt: tile.attempt, code: code, reason: reason)), now: now)
        }
        let address = ExpertAddress(layer: tile.layer, expert: tile.expert)
        guard !isLeaving else { return refuse(.leaving, "the worker is leaving") }
        guard held.contains(address) else { return refuse(.notHeld, "this worker does not hold \(address)") }
        guard tile.metaFactors == nil || metaLayers.contains(tile.layer) else {
            return refuse(.notHeld, "this worker does not hold the meta expert of layer \(tile.layer)")
        }
        guard tile.payload.width == configuration.hello.width else {
            return refuse(.malformed, "rows have width \(tile.payload.width), this worker's experts have \(configuration.hello.width)")
        }
        guard tile.deadlineMilliseconds > 0 else { return refuse(.expired, "the deadline has passed") }
        let bytes = tile.payload.rows * tile.payload.width * 4
        guard queuedTiles < configuration.mostQueuedTiles, queuedBytes + bytes <= configuration.mostQueuedBytes else {
            return refuse(.queueFull, "\(queuedTiles) tiles are waiting, with \(queuedBytes) bytes")
        }
        // Only here are the payload's bytes read.
        guard let rows = try? tile.payload.tensor() else { return refuse(.malformed, "the rows cannot be read") }
        links[link].queue.append(
            QueuedTile(
                origin: JobOrigin(link: link, epoch: epoch, tile: tile.tile, attempt: tile.attempt, rows: tile.payload.rows),
                tile: ExpertTile(address: address, rows: rows, factors: tile.factors, metaFactors: tile.metaFactors),
                deadline: now + .milliseconds(tile.deadlineMilliseconds)))
        queuedTiles += 1
        queuedBytes += bytes
    }

    /// Hands tiles to the compute thread, one coordinator after the other.
    private mutating func startComputing(now: Moment) {
        while computing.count < configuration.computeDepth, queuedTiles > 0 {
            guard let link = (0..<links.count).map({ (turn + $0) % links.count }).first(where: { !links[$0].queue.isEmpty }) else { return }
            turn = (link + 1) % links.count
            let queued = links[link].queue.removeFirst()
            queuedTiles -= 1
            queuedBytes -= queued.tile.rows.byteCount
            guard queued.deadline > now else {
                fail(queued.origin, .expired, "its turn came after the deadline", now: now)
                continue
            }
            let job = nextJob
            nextJob += 1
            computing[job] = queued.origin
            directives.append(.compute(Job(id: job, tile: queued.tile, deadline: queued.deadline)))
        }
    }

    private mutating func take(_ result: Computed, job: UInt64, now: Moment) {
        guard let origin = computing.removeValue(forKey: job) else { return }
        switch result {
        case .expired: fail(origin, .expired, "its turn came after the deadline", now: now)
        case .failed(let reason): fail(origin, .compute, reason, now: now)
        case .rows(let rows, let nanoseconds):
            guard rows.shape == [origin.rows, configuration.hello.width], let payload = try? Payload(rows) else {
                fail(origin, .compute, "the result has type \(rows.dtype.rawValue) and shape \(rows.shape), expected F32 [\(origin.rows), \(configuration.hello.width)]", now: now)
                break
            }
            guard isCurrent(origin) else { break }
            counters.tilesDone += 1
            send(
                origin.link,
                .tileDone(
                    TileDone(
                        epoch: origin.epoch, tile: origin.tile, attempt: origin.attempt, expertRows: payload.rows,
                        computeNanoseconds: nanoseconds, payload: payload)),
                now: now)
        }
        finishLeaving(now: now)
    }

    private mutating func fail(_ origin: JobOrigin, _ code: TileFailed.Code, _ reason: String, now: Moment) {
        guard isCurrent(origin) else { return }
        counters.refusedTiles += 1
        send(
            origin.link,
            .tileFailed(TileFailed(epoch: origin.epoch, tile: origin.tile, attempt: origin.attempt, code: code, reason: reason)),
            now: now)
    }

    /// Whether the session that a tile came from still lasts.
    private mutating func isCurrent(_ origin: JobOrigin) -> Bool {
        if case .serving(let epoch) = links[origin.link].phase, epoch == origin.epoch { return true }
        counters.droppedResults += 1
        return false
    }
}

/// What happened so far.
public struct WorkerCounters: Sendable, Hashable {
    public var tilesDone: UInt64 = 0
    public var refusedTiles: UInt64 = 0
    /// Tiles of another session than the current one.
    public var staleTiles: UInt64 = 0
    /// Results that nobody waits for any more.
    public var droppedResults: UInt64 = 0
    public var coordinatorsLost: UInt64 = 0
    public var rejections: UInt64 = 0
    public var malformed: UInt64 = 0
}

/// What a worker knows about one coordinator.
struct WorkerLink {
    enum Phase: Equatable {
        /// Not yet asked, or a pause before the next Hello.
        case away(until: Moment?)
        /// Hello was sent.
        case greeting
        case serving(epoch: UInt64)
    }

    var phase = Phase.away(until: nil)
    var beat: Duration
    var retry: Duration
    var lastHeard: Moment?
    var lastSent: Moment?
    var queue: [QueuedTile] = []

    init(beat: Duration, retry: Duration) {
        self.beat = beat
        self.retry = retry
    }
}

/// Where a result belongs.
struct JobOrigin {
    let link: Int
    let epoch: UInt64
    let tile: UInt64
    let attempt: Int
    let rows: Int
}

struct QueuedTile {
    let origin: JobOrigin
    let tile: ExpertTile
    let deadline: Moment
}
