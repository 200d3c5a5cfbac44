import Checkpoints
import Foundation
import MedMoE
import Tensors
import Wire

/// The experts of a checkpoint folder, computing on a thread of their own.
public actor ExpertWorker: TileComputing {
    public nonisolated let holdings: WorkerHoldings
    /// Indices of the experts that are held.
    public nonisolated let experts: Set<Int>
    public nonisolated let configuration: ModelConfiguration
    /// The thread that computes; hand it to the endpoint, so that tiles do not change threads.
    public nonisolated let executor = ComputeExecutor()
    private let bank: ExpertBank
    private let engine: GEMMEngine
    private let threads: Int
    private var context: ComputeContext?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Loads experts, and nothing else of the folder.
    ///
    /// - Parameters:
    ///   - list: numbers or domain names, separated by commas; nil for all that the folder has.
    ///   - verify: digest the tensors again instead of believing what is recorded.
    /// - Throws: `CheckpointError`, `ConfigurationError` or `ModelError`, each naming the file or the expert.
    public init(folder: CheckpointFolder, experts list: String?, engine: GEMMEngine, threads: Int, verify: Bool = false) throws {
        let configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        let present = MixtureLayout(names: folder.model.names).experts
        let chosen = try list.map { try configuration.experts(named: $0) } ?? present
        guard !chosen.isEmpty, chosen.isSubset(of: present) else {
            let missing = chosen.subtracting(present).sorted().map(String.init).joined(separator: ", ")
            throw ModelError.inconsistent(
                "\(folder.path) does not hold expert \(missing.isEmpty ? "of any kind" : missing); it holds \(present.sorted().map(String.init).joined(separator: ", "))")
        }
        self.configuration = configuration
        experts = chosen
        bank = try ExpertBank(source: folder.model, configuration: configuration, experts: chosen)
        let fingerprints = try folder.expertFingerprints(chosen, verify: verify)
        holdings = try WorkerHoldings(bank: bank, fingerprints: fingerprints, layers: configuration.mixture?.layers ?? [])
        self.engine = engine
        self.threads = threads
    }

    deinit { executor.stop() }

    public func compute(_ tile: ExpertTile) throws -> Tensor { try bank.compute(tile, ready()).tensor() }

    /// Which matrix library, kernels and threads compute.
    public func computeSummary() throws -> String { try ready().gemm.summary }

    private func ready() throws -> ComputeContext {
        if let context { return context }
        let made = try ComputeContext(engine: engine, threads: threads)
        context = made
        return made
    }
}

extension WorkerHoldings {
    /// What a bank holds, with the digests that its tensors have.
    ///
    /// - Throws: `ModelError.inconsistent` when a digest is missing.
    init(bank: ExpertBank, fingerprints: TensorFingerprints, layers: [Int]) throws {
        let experts = try Dictionary(uniqueKeysWithValues: bank.addresses.map { address in
            guard let digest = fingerprints.expert(layer: address.layer, expert: address.expert).flatMap(ExpertDigest.init) else {
                throw ModelError.inconsistent("the tensors of \(address) have no digest")
            }
            return (address, digest)
        })
        self.init(width: bank.width, experts: experts, metas: bank.hasAlwaysOn ? fingerprints.metaDigests(layers: layers) : [:])
    }
}

extension TensorFingerprints {
    /// Digests of the modules that are always on, by layer.
    public func metaDigests(layers: [Int]) -> [Int: ExpertDigest] {
        Dictionary(uniqueKeysWithValues: layers.compactMap { layer in
            alwaysOn(layer: layer).flatMap(ExpertDigest.init).map { (layer, $0) }
        })
    }

    /// Digests of the domain experts.
    public func expertDigests(_ addresses: some Sequence<ExpertAddress>) -> [ExpertAddress: ExpertDigest] {
        Dictionary(uniqueKeysWithValues: addresses.compactMap { address in
            expert(layer: address.layer, expert: address.expert).flatMap(ExpertDigest.init).map { (address, $0) }
        })
    }
}

extension ExpertDigest {
    init?(_ digest: CheckpointDigest) { self.init(bytes: digest.bytes) }
}
