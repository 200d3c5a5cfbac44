/// What a worker tells a coordinator.
public enum WorkerMessage {
    case hello(Hello)
    case beat
    case tileDone(TileDone)
    case tileFailed(TileFailed)
    case holdings(HoldingsChanged)
    /// It finishes what it has and takes nothing new.
    case unready(Unready)
    case assigned(Assigned)
    case goodbye(reason: String)
}

/// What a coordinator tells a worker.
public enum CoordinatorMessage {
    case welcome(Welcome)
    case rejected(Rejection)
    case beat
    case probe
    case tile(Tile)
    /// Nobody waits for this tile any more.
    case forget(Forget)
    case assign(Assign)
    case goodbye(reason: String)
}

/// A worker introduces itself and says what it holds.
public struct Hello: Sendable, Hashable {
    public var incarnation: Incarnation
    public var name: String
    /// Hidden size D.
    public var width: Int
    public var holdings: [Holding]
    public var metas: [MetaHolding]
    /// Whether a row's result does not depend on the other rows of its tile: such tiles may be split among replicas.
    public var rowsAreIndependent: Bool

    public init(
        incarnation: Incarnation, name: String, width: Int, holdings: [Holding], metas: [MetaHolding],
        rowsAreIndependent: Bool = true
    ) {
        self.incarnation = incarnation
        self.name = name
        self.width = width
        self.holdings = holdings
        self.metas = metas
        self.rowsAreIndependent = rowsAreIndependent
    }

    /// One domain expert of one mixture layer.
    public struct Holding: Sendable, Hashable {
        public var layer: Int
        public var expert: Int
        public var digest: ExpertDigest

        public init(layer: Int, expert: Int, digest: ExpertDigest) {
            self.layer = layer
            self.expert = expert
            self.digest = digest
        }
    }

    /// The meta expert of one mixture layer.
    public struct MetaHolding: Sendable, Hashable {
        public var layer: Int
        public var digest: ExpertDigest

        public init(layer: Int, digest: ExpertDigest) {
            self.layer = layer
            self.digest = digest
        }
    }
}

/// A coordinator accepts a worker.
public struct Welcome: Sendable, Hashable {
    public var coordinator: Incarnation
    /// Names the session; all its tiles and replies carry it.
    public var epoch: UInt64
    /// Both sides send something at least this often.
    public var beatMilliseconds: Int

    public init(coordinator: Incarnation, epoch: UInt64, beatMilliseconds: Int) {
        self.coordinator = coordinator
        self.epoch = epoch
        self.beatMilliseconds = beatMilliseconds
    }
}

/// A coordinator does not accept a worker, or has no session with it.
public struct Rejection: Sendable, Hashable, CustomStringConvertible {
    public enum Code: UInt32, Sendable, Hashable, CaseIterable {
        case unknown = 0
        case protocolVersion = 1
        case digestsDiffer = 2
        case widthDiffers = 3
        case nothingInCommon = 4
        case malformed = 5
        /// There is no session: say Hello.
        case helloFirst = 6
        case numberDiffers = 7
        case overloaded = 8
    }

    public var code: Code
    public var reason: String

    public init(code: Code, reason: String) {
        self.code = code
        self.reason = reason
    }

    public var description: String { reason }
}

/// Rows for one expert, on their way to a worker.
public struct Tile {
    public var epoch: UInt64
    public var tile: UInt64
    /// How often this tile was sent to anybody, from 1.
    public var attempt: Int
    public var layer: Int
    public var expert: Int
    /// Time left when it was sent.
    public var deadlineMilliseconds: Int
    /// One per row.
    public var factors: [Float]
    /// One per row, or nil.
    public var metaFactors: [Float]?
    /// The domain expert is not wanted, only the meta expert.
    public var metaOnly: Bool
    public var payload: Payload

    public init(
        epoch: UInt64, tile: UInt64, attempt: Int, layer: Int, expert: Int, deadlineMilliseconds: Int,
        factors: [Float], metaFactors: [Float]?, metaOnly: Bool = false, payload: Payload
    ) {
        self.epoch = epoch
        self.tile = tile
        self.attempt = attempt
        self.layer = layer
        self.expert = expert
        self.deadlineMilliseconds = deadlineMilliseconds
        self.factors = factors
        self.metaFactors = metaFactors
        self.metaOnly = metaOnly
        self.payload = payload
    }
}

/// Rows that an expert made, on their way back.
public struct TileDone {
    public var epoch: UInt64
    public var tile: UInt64
    public var attempt: Int
    /// Rows that went through the domain expert.
    public var expertRows: Int
    public var computeNanoseconds: UInt64
    public var payload: Payload

    public init(epoch: UInt64, tile: UInt64, attempt: Int, expertRows: Int, computeNanoseconds: UInt64, payload: Payload) {
        self.epoch = epoch
        self.tile = tile
        self.attempt = attempt
        self.expertRows = expertRows
        self.computeNanoseconds = computeNanoseconds
        self.payload = payload
    }
}

/// A worker gives a tile back.
public struct TileFailed: Sendable, Hashable {
    public enum Code: UInt32, Sendable, Hashable, CaseIterable {
        case unknown = 0
        case notHeld = 1
        case malformed = 2
        case queueFull = 3
        /// Its deadline passed before its turn came.
        case expired = 4
        case compute = 5
        /// The worker is on its way out.
        case leaving = 6
        /// Nobody waits for it any more, as the coordinator said.
        case forgotten = 7
    }

    public var epoch: UInt64
    public var tile: UInt64
    public var attempt: Int
    public var code: Code
    public var reason: String

    public init(epoch: UInt64, tile: UInt64, attempt: Int, code: Code, reason: String) {
        self.epoch = epoch
        self.tile = tile
        self.attempt = attempt
        self.code = code
        self.reason = reason
    }
}
