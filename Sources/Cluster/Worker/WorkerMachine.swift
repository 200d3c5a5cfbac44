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
        /// Time to finish what is there when the worker is asked to leave.
        public var drainTimeout: Duration = .seconds(30)

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
        /// The answer to `load`: what is held when the experts to drop are unloaded, or why nothing changed.
        case loaded(Result<WorkerHoldings, AssignmentError>)
        /// The answer to `unload`.
        case unloaded
        /// Take nothing new, finish what is there, say goodbye.
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
        /// Load experts, and say what is held without those that will be dropped. Answered by `loaded`.
        case load(add: Set<Int>, drop: Set<Int>)
        /// No tile needs these experts any more. Answered by `unloaded`.
        case unload(Set<Int>)
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
    /// When to leave whatever is unfinished; nil while nobody asked to.
    var leaveBy: Moment?
    var hasLeft = false
    var share: FairShare
    var reassignment: Reassignment?
    var directives: [Directive] = []
    /// What a Hello says now.
    private(set) var hello: Hello
    private(set) var held: Set<ExpertAddress> = []
    private(set) var metaLayers: Set<Int> = []
    /// Changes of what is held so far.
    var holdingsVersion: UInt64 = 0

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        links = (0..<configuration.links).map { _ in WorkerLink(beat: configuration.beat, retry: configuration.firstRetry) }
        share = FairShare(count: configuration.links)
        hello = configuration.hello
        hold(configuration.hello)
    }

    var isLeaving: Bool { leaveBy != nil }

    /// From now on this is what is held.
    mutating func hold(_ hello: Hello) {
        self.hello = hello
        held = Set(hello.holdings.map { ExpertAddress(layer: $0.layer, expert: $0.expert) })
        metaLayers = Set(hello.metas.map(\.layer))
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
        case .loaded(let result): take(result, now: now)
        case .unloaded: finishReassignment(nil, now: now)
        case .leave(let reason): leave(reason, now: now)
        case .tick: tick(now: now)
        }
        startComputing(now: now)
        unloadWhatNobodyNeeds()
        finishLeaving(now: now)
        defer { directives = [] }
        return directives
    }

    private mutating func take(_ message: CoordinatorMessage, _ link: Int, now: Moment) {
        links[link].lastHeard = now
        switch message {
        case .beat, .probe: break
        case .welcome(let welcome):
            drop(link)
            links[link].phase = .serving(epoch: welcome.epoch)
            links[link].beat = .milliseconds(welcome.beatMilliseconds)
            links[link].retry = configuration.firstRetry
            directives.append(.welcomed(link: link))
            // The Hello was on its way when we were asked to leave, or before we held something else.
            if isLeaving { sayUnready(link, now: now) } else if links[link].isOutdated { announce(link, now: now) }
        case .forget(let forget): take(forget, link, now: now)
        case .assign(let assign): take(assign, link, now: now)
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
    /// Tiles that coordinators did not want any more before their turn came.
    public var forgottenTiles: UInt64 = 0
}
