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
    /// What is held now.
    var holdings: WorkerHoldings { get }

    /// Whether a row's result is the same whatever other rows its tile has.
    func rowsAreIndependent() async throws -> Bool

    /// Computes one tile.
    ///
    /// A worker calls this for one tile after the other, on a thread that may be busy for long.
    /// - Returns: `factor · E(h) + metaFactor · M(h)`, one row per row of the tile, `[n, D]`, float32.
    func compute(_ tile: ExpertTile) async throws -> Tensor

    /// Loads experts while tiles are computed. From its return on both the new ones and `drop` can compute; `drop` can until
    /// `unload`.
    ///
    /// - Parameters:
    ///   - add: indices of experts; those that are held already cost nothing.
    ///   - drop: indices of experts that will be unloaded.
    /// - Returns: what is held when `drop` is unloaded.
    /// - Throws: an error that says why nothing changed.
    func load(_ add: Set<Int>, dropping drop: Set<Int>) async throws -> WorkerHoldings

    /// Frees experts that no tile needs any more.
    func unload(_ experts: Set<Int>) async
}

extension TileComputing {
    public func rowsAreIndependent() async throws -> Bool { true }

    public func load(_ add: Set<Int>, dropping drop: Set<Int>) async throws -> WorkerHoldings {
        throw AssignmentError("this worker cannot change what it holds")
    }

    public func unload(_ experts: Set<Int>) async {}
}

/// Why a worker did not change what it holds.
public struct AssignmentError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
