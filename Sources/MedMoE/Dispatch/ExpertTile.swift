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
    /// `factor · E(h) + metaFactor · M(h)`, one row per row of the tile, `[n, D]`, float32.
    public let rows: Tensor
    /// Name of the worker that computed the tile, as it announced itself; `local` in process.
    public let worker: String
    /// Rows that the worker says it put through the domain expert.
    public let expertRows: Int
    /// Time that the worker says it computed, in nanoseconds.
    public let computeNanoseconds: UInt64

    public init(rows: Tensor, worker: String, expertRows: Int, computeNanoseconds: UInt64) {
        self.rows = rows
        self.worker = worker
        self.expertRows = expertRows
        self.computeNanoseconds = computeNanoseconds
    }
}
