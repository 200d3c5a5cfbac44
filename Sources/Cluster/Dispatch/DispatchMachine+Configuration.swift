import MedMoE
import Wire

/// What happens to tiles whose expert nobody holds.
public enum MissingExpertPolicy: String, Sendable, Hashable, CaseIterable {
    /// They wait, until their request's deadline at most.
    case wait
    /// Their request fails at once.
    case fail
    /// The meta expert answers alone, and the answer is marked as degraded.
    case metaOnly = "meta-only"
}

extension DispatchMachine {
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
        /// A worker whose reply is overdue by this much after the deadline loses its session, and with it what it owes.
        public var overdue: Duration = .seconds(30)
        /// What happens to tiles whose expert nobody has held for `patience`.
        public var onMissingExpert = MissingExpertPolicy.wait
        /// How long an expert may be missing while a worker is replaced, before anybody is told.
        public var patience: Duration = .milliseconds(500)
        /// When a tile that takes long is given to a second worker as well.
        public var hedging = HedgePolicy.Configuration()
        /// The fewest rows of a part of a tile that is split among replicas: fewer use the expert's weights badly.
        public var fewestRowsOfPart = 32
        /// The longest pause of a worker whose replies are wrong.
        public var longestQuarantine: Duration = .seconds(32)
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
}
