import MedMoE
import Tensors
import Wire

/// What a worker holds, as it announces it.
public struct WorkerHoldings: Sendable, Hashable {
    /// Hidden size D.
    public var width: Int
    /// The domain experts, with the digest over the tensors of each.
    public var experts: [ExpertAddress: ExpertDigest]
    /// The meta experts by layer; empty for a model that has none.
    public var metas: [Int: ExpertDigest]

    public init(width: Int, experts: [ExpertAddress: ExpertDigest], metas: [Int: ExpertDigest]) {
        self.width = width
        self.experts = experts
        self.metas = metas
    }
}

/// Whoever computes tiles in a worker.
public protocol TileComputing: Sendable {
    var holdings: WorkerHoldings { get }

    /// Computes one tile.
    ///
    /// A worker calls this for one tile after the other, on a thread that may be busy for long.
    /// - Returns: `factor · E(h) + metaFactor · M(h)`, one row per row of the tile, `[n, D]`, float32.
    func compute(_ tile: ExpertTile) async throws -> Tensor
}
