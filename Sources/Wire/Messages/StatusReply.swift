/// How a coordinator and its workers are.
public struct StatusReply: Sendable, Hashable {
    public struct Worker: Sendable, Hashable {
        public var name: String
        /// The first digits of its incarnation: tells runs of one name apart. The whole is an address, and nobody's business.
        public var run: String
        /// Indices of the experts that it holds in some layer.
        public var experts: [Int]
        /// Number of (layer, expert) pairs that it holds.
        public var places: Int
        public var outstandingTiles: Int
        public var outstandingRows: Int
        public var tilesDone: UInt64
        public var rowsDone: UInt64
        /// Time since it was last heard of.
        public var silentMilliseconds: Int
        /// It finishes what it has, and takes nothing new.
        public var isLeaving: Bool
        /// It owes a reply for much too long, and gets nothing while others hold its experts.
        public var isStuck: Bool
        /// Rows that it computed per second, over the last seconds.
        public var rowsPerSecond: Double
        /// Time that it takes for a tile beside the other workers: 1 is usual, 2 twice as long.
        public var pace: Double

        public init(
            name: String, run: String, experts: [Int], places: Int, outstandingTiles: Int,
            outstandingRows: Int, tilesDone: UInt64, rowsDone: UInt64, silentMilliseconds: Int,
            isLeaving: Bool = false, isStuck: Bool = false, rowsPerSecond: Double = 0, pace: Double = 1
        ) {
            self.name = name
            self.run = run
            self.experts = experts
            self.places = places
            self.outstandingTiles = outstandingTiles
            self.outstandingRows = outstandingRows
            self.tilesDone = tilesDone
            self.rowsDone = rowsDone
            self.silentMilliseconds = silentMilliseconds
            self.isLeaving = isLeaving
            self.isStuck = isStuck
            self.rowsPerSecond = rowsPerSecond
            self.pace = pace
        }
    }

    /// Percentiles of the last minute, in milliseconds.
    public struct Times: Sendable, Hashable {
        public var p50, p99: Double

        public init(p50: Double = 0, p99: Double = 0) {
            self.p50 = p50
            self.p99 = p99
        }
    }

    /// One domain expert, over all mixture layers.
    public struct Expert: Sendable, Hashable {
        public var expert: Int
        /// Workers that hold it in every mixture layer that has it.
        public var replicas: Int
        public var rowsDone: UInt64
        /// Over the last seconds.
        public var rowsPerSecond: Double
        /// Tiles for which there is no worker at the moment.
        public var waitingTiles: Int
        /// Rows that are with workers.
        public var outstandingRows: Int
        /// From sending a tile to its accepted reply.
        public var roundTrip: Times
        /// What workers say they computed, per tile.
        public var compute: Times

        public init(
            expert: Int, replicas: Int, rowsDone: UInt64, rowsPerSecond: Double, waitingTiles: Int, outstandingRows: Int,
            roundTrip: Times, compute: Times
        ) {
            self.expert = expert
            self.replicas = replicas
            self.rowsDone = rowsDone
            self.rowsPerSecond = rowsPerSecond
            self.waitingTiles = waitingTiles
            self.outstandingRows = outstandingRows
            self.roundTrip = roundTrip
            self.compute = compute
        }
    }

    public struct Place: Sendable, Hashable {
        public var layer: Int
        public var expert: Int

        public init(layer: Int, expert: Int) {
            self.layer = layer
            self.expert = expert
        }
    }

    public var inquiry: UInt64
    /// The first digits of the coordinator's incarnation.
    public var coordinator: String
    /// Whether every expert of the model is held by some worker.
    public var covered: Bool
    /// The first experts that nobody holds.
    public var missing: [Place]
    /// The first workers, as many as fit a message.
    public var workers: [Worker]
    public var workersTotal: Int
    public var waitingTiles: Int
    public var runningRequests: Int
    public var waitingRequests: Int
    public var counters: [String: UInt64]
    /// What each expert is for, by index; empty when the model does not say.
    public var domains: [String]
    /// Hexadecimal SHA-256 that names the model.
    public var modelDigest: String
    /// By index.
    public var experts: [Expert]
    /// The coordinator takes no new requests.
    public var draining: Bool
    /// Time that a step waited for the experts of one mixture layer.
    public var waits: Times
    /// The longest such time since the start, in milliseconds.
    public var longestWait: Double

    public init(
        inquiry: UInt64, coordinator: String, covered: Bool, missing: [Place], workers: [Worker], workersTotal: Int,
        waitingTiles: Int, runningRequests: Int, waitingRequests: Int, counters: [String: UInt64],
        domains: [String] = [], modelDigest: String = "", experts: [Expert] = [], draining: Bool = false,
        waits: Times = Times(), longestWait: Double = 0
    ) {
        self.inquiry = inquiry
        self.coordinator = coordinator
        self.covered = covered
        self.missing = missing
        self.workers = workers
        self.workersTotal = workersTotal
        self.waitingTiles = waitingTiles
        self.runningRequests = runningRequests
        self.waitingRequests = waitingRequests
        self.counters = counters
        self.domains = domains
        self.modelDigest = modelDigest
        self.experts = experts
        self.draining = draining
        self.waits = waits
        self.longestWait = longestWait
    }
}
