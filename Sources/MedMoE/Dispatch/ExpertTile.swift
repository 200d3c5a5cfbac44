import Tensors

/// Where an expert lives: one mixture layer, one expert of that layer.
public struct ExpertAddress: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Index of the decoder layer.
    public let layer: Int
    /// Index of the expert in that layer.
    public let expert: Int

    public init(layer: Int, expert: Int) {
        self.layer = layer
        self.expert = expert
    }

    public static func < (a: ExpertAddress, b: ExpertAddress) -> Bool {
        (a.layer, a.expert) < (b.layer, b.expert)
    }

    public var description: String { "layer \(layer) expert \(expert)" }
}

/// The unit of dispatch and of compute: some rows for one expert of one mixture layer.
///
/// The coordinator cuts tiles; whoever computes one makes the same calls on the same rows, so worker count, replicas
/// and failures change no bit.
public struct ExpertTile: Sendable {
    public let address: ExpertAddress
    /// Normed hidden rows, `[n, D]`, float32.
    public let rows: Tensor
    /// What multiplies `E(h)`, one per row: the gate's weight, and with `use_residual` the coefficient c0.
    public let factors: [Float]
    /// What multiplies the meta expert's `M(h)`, one per row; nil when this tile does not carry the meta expert
    /// (a second choice, or a model that has none).
    public let metaFactors: [Float]?
    /// The domain expert is left out, because nobody holds it: only `metaFactor · M(h)` is wanted.
    public var metaOnly = false

    public init(address: ExpertAddress, rows: Tensor, factors: [Float], metaFactors: [Float]?) {
        self.address = address
        self.rows = rows
        self.factors = factors
        self.metaFactors = metaFactors
    }

    /// Number of rows.
    public var rowCount: Int { factors.count }

    /// The most rows that one tile may have: 256, or fewer so that its payload stays within 1 MiB.
    ///
    /// - Parameter width: hidden size D, in float32 elements.
    public static func rowLimit(width: Int) -> Int {
        max(1, min(256, payloadLimit / (max(1, width) * MemoryLayout<Float>.size)))
    }

    /// Bytes of rows that one message may carry.
    public static let payloadLimit = 1 << 20
}

/// What came back for one tile.
public struct TileResult: Sendable {
    /// Rows of the tile that one worker computed.
    public struct Share: Sendable, Hashable {
        /// Name of the worker, as it announced itself; `local` in process.
        public let worker: String
        public let rows: Int
        /// Time that the worker says it computed, in nanoseconds.
        public let computeNanoseconds: UInt64

        public init(worker: String, rows: Int, computeNanoseconds: UInt64) {
            self.worker = worker
            self.rows = rows
            self.computeNanoseconds = computeNanoseconds
        }
    }

    /// `factor · E(h) + metaFactor · M(h)`, one row per row of the tile, `[n, D]`, float32.
    public let rows: Tensor
    /// Who computed the rows, in the order of the rows: one worker, or several among which the tile was split. Empty for a
    /// degraded tile that had no meta expert to be computed either: its rows are zero.
    public let shares: [Share]
    /// Rows that the workers say they put through the domain expert: all, or none of a degraded tile.
    public let expertRows: Int
    /// The domain expert was left out, because nobody held it.
    public let degraded: Bool

    public init(rows: Tensor, shares: [Share], expertRows: Int, degraded: Bool = false) {
        self.rows = rows
        self.shares = shares
        self.expertRows = expertRows
        self.degraded = degraded
    }

    /// A tile that one worker computed.
    public init(rows: Tensor, worker: String, expertRows: Int, computeNanoseconds: UInt64) {
        self.init(
            rows: rows, shares: [Share(worker: worker, rows: rows.shape.first ?? 0, computeNanoseconds: computeNanoseconds)],
            expertRows: expertRows)
    }
}
