import CKernels
import Checkpoints
import Tensors

/// Domain experts and the meta expert of the mixture layers: what computes a tile, in process and on a worker alike.
public struct ExpertBank: Sendable {
    /// Hidden size D.
    public let width: Int
    let experts: [ExpertAddress: FeedForward]
    /// The always-on module of each mixture layer; empty when the model has none.
    let meta: [Int: FeedForward]

    /// Reads the experts from a checkpoint.
    ///
    /// - Parameters:
    ///   - chosen: indices of the experts to hold, in every mixture layer that has them; nil for all.
    /// - Throws: `ModelError` when a tensor is missing or does not fit the configuration.
    public init(source: any TensorSource, configuration: ModelConfiguration, experts chosen: Set<Int>? = nil) throws {
        width = configuration.hiddenSize
        experts = try Self.read(chosen, from: source, configuration: configuration)
        var meta: [Int: FeedForward] = [:]
        for layer in configuration.mixture?.layers ?? [] {
            if let prefix = try AlwaysOnModule.prefix(layer: layer, configuration: configuration, names: source.names) {
                meta[layer] = try FeedForward(Self.reader(source), prefix: prefix, configuration: configuration)
            }
        }
        guard meta.isEmpty || meta.count == configuration.mixture?.layers.count else {
            throw ModelError.inconsistent(
                "only the mixture layers \(meta.keys.sorted()) have a meta expert: the checkpoint is incomplete")
        }
        self.meta = meta
    }

    init(width: Int, experts: [ExpertAddress: FeedForward], meta: [Int: FeedForward]) {
        self.width = width
        self.experts = experts
        self.meta = meta
    }

    private static func reader(_ source: any TensorSource) -> WeightReader {
        WeightReader(
            source: source, hint: "this folder does not hold that expert: name others with --experts, or use a fuller folder")
    }

    /// Domain experts alone; nil reads all.
    static func read(
        _ chosen: Set<Int>?, from source: any TensorSource, configuration: ModelConfiguration
    ) throws -> [ExpertAddress: FeedForward] {
        var experts: [ExpertAddress: FeedForward] = [:]
        guard let mixture = configuration.mixture else { return experts }
        for layer in mixture.layers {
            for expert in 0..<mixture.expertCount(layer: layer) where chosen?.contains(expert) ?? true {
                experts[ExpertAddress(layer: layer, expert: expert)] = try FeedForward(
                    reader(source), prefix: "model.layers.\(layer).mlp.deepspeed_moe.experts.deepspeed_experts.\(expert)",
                    configuration: configuration)
            }
        }
        return experts
    }

    /// What this bank can compute, sorted.
    public var addresses: [ExpertAddress] { experts.keys.sorted() }

    /// Whether a module is there that is always on.
    public var hasAlwaysOn: Bool { !meta.isEmpty }

    /// `factor · E(h) + metaFactor · M(h)` for each row of the tile.
    ///
    /// - Throws: `DispatchError.rejected` when the tile does not fit this bank.
    public func compute(_ tile: ExpertTile, _ context: ComputeContext) throws -> Rows {
        guard tile.rows.dtype == .float32, tile.rows.shape == [tile.rowCount, width], tile.rowCount > 0 else {
            throw DispatchError.rejected(
                "a tile has \(tile.rows.dtype.rawValue) rows \(tile.rows.shape) and \(tile.rowCount) factors; rows of \(width) are needed")
        }
        let h = try Rows(tile.rows)
        if tile.metaOnly { return try metaOnly(tile, h, context) }
        guard let expert = experts[tile.address] else {
            throw DispatchError.rejected("\(tile.address) is not held here")
        }
        let y = try expert(h, context)
        tile.factors.withUnsafeBufferPointer { factors in
            guard let factors = factors.baseAddress else { return }
            ck_scale_rows(y.pointer, factors, y.count, y.width)
        }
        if let metaFactors = tile.metaFactors {
            guard let always = meta[tile.address.layer], metaFactors.count == y.count else {
                throw DispatchError.rejected("a tile asks for the meta expert of layer \(tile.address.layer), which is not held here")
            }
            let m = try always(h, context)
            metaFactors.withUnsafeBufferPointer { factors in
                guard let factors = factors.baseAddress else { return }
                ck_add_scaled_rows(y.pointer, m.pointer, factors, y.count, y.width)
            }
        }
        return y
    }

    /// `metaFactor · M(h)` alone.
    private func metaOnly(_ tile: ExpertTile, _ h: Rows, _ context: ComputeContext) throws -> Rows {
        guard let metaFactors = tile.metaFactors, let always = meta[tile.address.layer], metaFactors.count == h.count else {
            throw DispatchError.rejected("a tile asks for the meta expert of layer \(tile.address.layer) alone, which is not held here")
        }
        let y = try always(h, context)
        metaFactors.withUnsafeBufferPointer { factors in
            guard let factors = factors.baseAddress else { return }
            ck_scale_rows(y.pointer, factors, y.count, y.width)
        }
        return y
    }
}
