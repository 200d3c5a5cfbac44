import ArgumentParser
import Cluster
import Foundation
import Glibc
import Logging
import MedMoE
import Wire

/// `medmoe worker`
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Holds some experts and computes the tiles of tokens that coordinators send.",
        discussion: """
            A worker loads its experts and nothing else, so its folder may be one that `medmoe shard --experts` made.

              medmoe worker --model DIR --experts CT,MRI --connect tcp://coordinator:7070
            """)

    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint, or of a worker's part of it.", valueName: "dir"))
    var modelFolder: String

    @Option(help: ArgumentHelp("Experts to hold, by number or domain, separated by commas. Default: all in the folder.", valueName: "list"))
    var experts: String?

    @Option(help: ArgumentHelp("Address of a coordinator, tcp://[KEY@]HOST:PORT or ipc://PATH; may be repeated.", valueName: "address"))
    var connect: [String]

    @Option(help: ArgumentHelp("Name shown in routing tables. Default: host name and process.", valueName: "text"))
    var name: String?

    @Option(name: .customLong("drain-timeout"), help: ArgumentHelp("When asked to stop: seconds to finish what coordinators have sent.", valueName: "seconds"))
    var drainTimeout = 30.0

    @OptionGroup var link: LinkOptions
    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions
    @OptionGroup var logging: LoggingOptions

    @Option(name: .customLong("lifeline-folder"), help: .hidden)
    var lifelineFolder: String?

    func validate() throws { try checkDrainTimeout(drainTimeout) }

    func run() async throws {
        // First of all: loading must not outlive the parent either.
        if let lifelineFolder { try Lifeline.watch(removing: PrivateFolder(lifelineFolder)) }
        let logger = logging.logger("worker")
        let endpoints = try connect.map { try Endpoint($0, for: .connect) }
        let security = try link.security(as: .worker)
        for endpoint in endpoints { _ = try security.protection(dialling: endpoint) }
        let folder = try model.folder(modelFolder)
        let worker = try naming(folder) {
            try ExpertWorker(
                folder: folder, experts: experts, engine: compute.gemm, threads: compute.threadCount(), verify: model.verify)
        }
        let domains = worker.configuration.mixture?.domains ?? []
        let summary = try await worker.computeSummary()
        logger.notice(
            "holding",
            metadata: [
                "experts": "\(worker.experts.sorted().map { domains.indices.contains($0) ? "\($0) \(domains[$0])" : "\($0)" }.joined(separator: ", "))",
                "with": "\(summary)",
            ])
        let ownName = name ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
        var configuration = WorkerEndpoint.Configuration(name: ownName, coordinators: endpoints)
        configuration.executor = worker.executor
        configuration.security = security
        let endpoint = try await WorkerEndpoint.start(configuration, computing: worker, logger: logger) { [drainTimeout] in
            $0.drainTimeout = .seconds(drainTimeout)
        }
        let stopping = Task {
            await TerminationSignal.wait()
            endpoint.leave()
        }
        defer { stopping.cancel() }
        try await endpoint.run()
        // Time was up before the last tile was done: the usual exit would take the libraries away from the thread that still
        // computes, and end in a crash.
        if endpoint.isComputing { _exit(0) }
    }
}

/// - Throws: `ValidationError` for a `--drain-timeout` that cannot be meant.
func checkDrainTimeout(_ seconds: Double) throws {
    if !(seconds >= 0 && seconds <= 86_400) {
        throw ValidationError("--drain-timeout is \(seconds); expected 0 to 86400 seconds")
    }
}
