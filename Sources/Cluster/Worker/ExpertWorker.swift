import Checkpoints
import Foundation
import MedMoE
import Synchronization
import Tensors
import Wire

/// The experts of a checkpoint folder, computing on a thread of their own.
public actor ExpertWorker: TileComputing {
    public nonisolated let configuration: ModelConfiguration
    /// The thread that computes; hand it to the endpoint, so that tiles do not change threads.
    public nonisolated let executor = ComputeExecutor()
    private nonisolated let held: Mutex<WorkerHoldings>
    private nonisolated let folder: CheckpointFolder
    private nonisolated let verify: Bool
    private var bank: ExpertBank
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
        try Self.check(chosen, in: folder, having: present)
        let bank = try ExpertBank(source: folder.model, configuration: configuration, experts: chosen)
        self.bank = bank
        held = Mutex(
            try WorkerHoldings(
                bank: bank, fingerprints: folder.expertFingerprints(chosen, verify: verify), layers: configuration.mixture?.layers ?? []))
        self.configuration = configuration
        self.folder = folder
        self.verify = verify
        self.engine = engine
        self.threads = threads
    }

    deinit { executor.stop() }

    public nonisolated var holdings: WorkerHoldings { held.withLock { $0 } }

    /// Indices of the experts that are held.
    public nonisolated var experts: Set<Int> { Set(holdings.experts.keys.map(\.expert)) }

    public func compute(_ tile: ExpertTile) throws -> Tensor { try bank.compute(tile, ready()).tensor() }

    /// Which matrix library, kernels and threads compute.
    public func computeSummary() throws -> String { try ready().gemm.summary }

    // `async` as in the protocol: an async caller would otherwise get the protocol's default.
    public func rowsAreIndependent() async throws -> Bool { try ready().gemm.rowsAreIndependent }

    private func ready() throws -> ComputeContext {
        if let context { return context }
        let made = try ComputeContext(engine: engine, threads: threads)
        context = made
        return made
    }

    // MARK: - Changing what is held

    public func load(_ add: Set<Int>, dropping drop: Set<Int>) async throws -> WorkerHoldings {
        try check(add, drop)
        let (fuller, holdings) = try await fuller(by: add.subtracting(bank.indices), dropping: drop, than: bank)
        // Between two tiles: nobody sees half a change.
        bank = fuller
        held.withLock { $0 = holdings }
        return holdings
    }

    public func unload(_ experts: Set<Int>) async {
        bank = bank.dropping(experts)
        held.withLock { held in held.experts = held.experts.filter { !experts.contains($0.key.expert) } }
    }

    /// Reads the files on a thread of its own: neither tiles nor the cooperative pool wait for a disk.
    private nonisolated func fuller(
        by add: Set<Int>, dropping drop: Set<Int>, than bank: ExpertBank
    ) async throws -> (ExpertBank, WorkerHoldings) {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try DedicatedThread.run(name: "load-experts") { [self] in
                    continuation.resume(
                        with: Result {
                            let fuller = try bank.adding(add, from: folder.model, configuration: configuration)
                            var holdings = try holdings.adding(fuller, folder.expertFingerprints(add, verify: verify))
                            holdings.experts = holdings.experts.filter { !drop.contains($0.key.expert) }
                            return (fuller, holdings)
                        })
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    private func check(_ add: Set<Int>, _ drop: Set<Int>) throws {
        let count = configuration.mixture?.expertCount ?? 0
        if let unknown = add.union(drop).sorted().first(where: { !(0..<count).contains($0) }) {
            throw AssignmentError("there is no expert \(unknown); this model has 0 to \(count - 1)")
        }
        if let both = add.intersection(drop).min() { throw AssignmentError("expert \(both) is to be added and dropped") }
        try Self.check(add.subtracting(bank.indices), in: folder, having: MixtureLayout(names: folder.model.names).experts, orNone: true)
        guard !bank.indices.union(add).subtracting(drop).isEmpty else {
            throw AssignmentError("it would hold no expert any more: stop the worker instead")
        }
    }

    private static func check(_ chosen: Set<Int>, in folder: CheckpointFolder, having present: Set<Int>, orNone: Bool = false) throws {
        guard orNone || !chosen.isEmpty, chosen.isSubset(of: present) else {
            let missing = chosen.subtracting(present).sorted().map(String.init).joined(separator: ", ")
            throw ModelError.inconsistent(
                "\(folder.path) does not hold expert \(missing.isEmpty ? "of any kind" : missing); it holds \(present.sorted().map(String.init).joined(separator: ", "))")
        }
    }}
