import Foundation
import Language
import MedMoE
import Tensors

/// Which tiles a load of the expert stage sends: random rows for experts by chance.
public struct TileMix: Sendable {
    private let experts: [Int]
    private let layers: [Int: [Int]]
    private let hot: (expert: Int, share: Double)?
    private let seed: UInt64
    /// Made once: making rows takes longer than sending them.
    private let tensors: [Tensor]
    private let factors: [Float]
    private let hasMeta: Bool

    /// - Parameters:
    ///   - experts: those of the model; at least one.
    ///   - rows: of a tile.
    ///   - width: hidden size D.
    ///   - hasMeta: whether workers add the meta expert.
    ///   - hot: an expert with its share of all tiles; the others share the rest evenly.
    /// - Throws: `TensorError` when the rows do not fit a tensor.
    public init(
        experts: Set<ExpertAddress>, rows: Int, width: Int, hasMeta: Bool, hot: (expert: Int, share: Double)? = nil, seed: UInt64 = 0
    ) throws {
        layers = Dictionary(grouping: experts, by: \.expert).mapValues { $0.map(\.layer).sorted() }
        self.experts = layers.keys.sorted()
        self.hot = hot
        self.seed = seed
        self.hasMeta = hasMeta
        factors = Array(repeating: 1, count: rows)
        var generator = SplitMix64(seed: seed)
        // A few, so that no two neighbours are the same rows.
        tensors = try (0..<4).map { _ in
            let storage = Storage.filled(byteCount: rows * width * MemoryLayout<Float>.size) { bytes in
                // As normed rows: mean 0, variance 1.
                for index in bytes.bindMemory(to: Float.self).indices {
                    bytes.storeBytes(of: Float((generator.nextUnit() * 2 - 1) * 3.0.squareRoot()), toByteOffset: index * 4, as: Float.self)
                }
            }
            return try Tensor(dtype: .float32, shape: [rows, width], storage: storage)
        }
    }

    /// Tile number `number`, the same for the same seed.
    public func tile(_ number: Int) -> ExpertTile {
        var generator = SplitMix64(seed: seed ^ (UInt64(truncatingIfNeeded: number) &* 0xD134_2543_DE82_EF95))
        let expert = pick(&generator)
        let places = layers[expert] ?? []
        let layer = places.isEmpty ? 0 : places[Int.random(in: places.indices, using: &generator)]
        return ExpertTile(
            address: ExpertAddress(layer: layer, expert: expert), rows: tensors[number % tensors.count], factors: factors,
            metaFactors: hasMeta ? factors : nil)
    }

    private func pick(_ generator: inout SplitMix64) -> Int {
        guard let hot, experts.contains(hot.expert) else { return experts[Int.random(in: experts.indices, using: &generator)] }
        let others = experts.filter { $0 != hot.expert }
        if others.isEmpty || generator.nextUnit() < hot.share { return hot.expert }
        return others[Int.random(in: others.indices, using: &generator)]
    }
}
