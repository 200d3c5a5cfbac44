import ArgumentParser
import Checkpoints
import Cluster
import Foundation
import Logging
import MedMoE
import Wire

/// Somebody who answers, and what is known about the model.
struct Answerer: Sendable {
    let engine: any AnswerEngine
    /// What each expert is for, by index; empty when the model does not say.
    let domains: [String]
}

/// Where questions go: a model in this process, local workers, or a coordinator.
struct SourceOptions: ParsableArguments {
    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint, to run it here.", valueName: "dir"))
    var modelFolder: String?

    @Option(help: ArgumentHelp("With --model: start this many expert workers on this machine, and end them afterwards.", valueName: "n"))
    var workers: Int?

    @OptionGroup var coordinator: CoordinatorOptions

    @Option(name: .customLong("worker-model"), help: ArgumentHelp("With --workers: folder that worker number N loads, given once per worker in order, when --model is a coordinator's part.", valueName: "dir"))
    var workerFolders: [String] = []

    @Flag(name: .customLong("no-retry"), help: "Fail at once when the coordinator goes away or has too much to do, instead of asking again until the deadline.")
    var noRetry = false

    @OptionGroup var dispatch: DispatchOptions
    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        if modelFolder != nil, coordinator.coordinator != nil { throw ValidationError("Give either --model DIR or --coordinator ADDRESS.") }
        if let workers {
            guard modelFolder != nil else { throw ValidationError("--workers needs --model DIR.") }
            guard (1...256).contains(workers) else { throw ValidationError("--workers is \(workers); expected 1 to 256") }
        }
        if modelFolder != nil, coordinator.link.key != nil || coordinator.link.authorizedKeys != nil || coordinator.link.insecure {
            throw ValidationError("--key, --authorized-keys and --insecure belong to --coordinator: with --model nothing leaves this machine.")
        }
        if noRetry, modelFolder != nil { throw ValidationError("--no-retry belongs to --coordinator.") }
        if dispatch.isGiven, workers == nil { throw ValidationError("--on-missing-expert and --missing-expert-patience belong to --workers.") }
        guard workerFolders.isEmpty || workerFolders.count == workers else {
            throw ValidationError("--worker-model is given \(workerFolders.count) times for \(workers ?? 0) workers")
        }
    }

    /// Opens what the options name, runs `body`, and closes it whatever happens.
    func withAnswerer(_ body: @escaping @Sendable (Answerer) async throws -> Void) async throws {
        if let modelFolder {
            if let workers {
                try await withLocalWorkers(modelFolder, workers: workers, body)
            } else {
                try await inProcess(modelFolder, body)
            }
        } else {
            try await remote(body)
        }
    }

    private func inProcess(_ path: String, _ body: (Answerer) async throws -> Void) async throws {
        let folder = try model.folder(path)
        let loaded = try model.load(folder)
        if case .coordinator = folder.role {
            throw ModelFolderError(
                description: "\(path) is a coordinator's part and holds no experts: add --workers N with a --worker-model DIR for each, or give the complete checkpoint")
        }
        let bank = try naming(folder) { try ExpertBank(source: folder.model, configuration: loaded.configuration) }
        let engine = InferenceEngine(
            model: loaded, options: EngineOptions(gemm: compute.gemm, threads: compute.threadCount()),
            dispatch: { LocalExpertDispatch(bank: bank, context: $0) })
        try await body(Answerer(engine: engine, domains: loaded.configuration.mixture?.domains ?? []))
    }

    private func withLocalWorkers(_ path: String, workers: Int, _ body: @escaping @Sendable (Answerer) async throws -> Void
    ) async throws {
        let loaded = try model.load(path)
        let plans = LocalFleet.deal(experts: loaded.configuration.mixture?.expertCount ?? 0, workers: workers)
        let folders = workerFolders.isEmpty ? Array(repeating: path, count: workers) : workerFolders
        let fleet = try LocalFleet(
            plans.indices.map { index in
                LocalFleet.Plan(
                    name: plans[index].name, experts: workerFolders.isEmpty ? plans[index].experts : [],
                    arguments: ["--model", folders[index], "--threads", "\(compute.threadCount(sharedBy: workers))", "--gemm", compute.gemm.rawValue, "--log-level", "warning"]
                        + (model.noMemoryMap ? ["--no-mmap"] : []) + (model.verify ? ["--verify"] : []))
            })
        defer { fleet.stop() }
        var logger = Logger(label: "medmoe.coordinator")
        logger.logLevel = .warning
        var configuration = CoordinatorEndpoint.Configuration(model: loaded, listen: [fleet.endpoint])
        try dispatch.apply(to: &configuration, of: loaded)
        let endpoint = try await CoordinatorEndpoint.start(configuration, logger: logger)
        let dispatch = endpoint.dispatch
        let engine = InferenceEngine(
            model: loaded, options: EngineOptions(gemm: compute.gemm, threads: compute.threadCount()), dispatch: { _ in dispatch })
        do {
            try await fleet.guarding {
                try await body(Answerer(engine: engine, domains: loaded.configuration.mixture?.domains ?? []))
            }
        } catch {
            await endpoint.stop()
            throw error
        }
        await endpoint.stop()
    }

    private func remote(_ body: (Answerer) async throws -> Void) async throws {
        try await coordinator.withClient { client in
            // Nobody there at all is said at once; whoever was there once may come back.
            let domains = try await client.status().domains
            try await body(Answerer(engine: noRetry ? client : RetryingEngine(client), domains: domains))
        }
    }
}
