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

        public init(
            name: String, run: String, experts: [Int], places: Int, outstandingTiles: Int,
            outstandingRows: Int, tilesDone: UInt64, rowsDone: UInt64, silentMilliseconds: Int
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

    public init(
        inquiry: UInt64, coordinator: String, covered: Bool, missing: [Place], workers: [Worker], workersTotal: Int,
        waitingTiles: Int, runningRequests: Int, waitingRequests: Int, counters: [String: UInt64],
        domains: [String] = [], modelDigest: String = ""
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
    }
}
