import ArgumentParser
import Checkpoints
import Cluster
import ClusterHarness
import Logging
import MedMoE
import Tensors
import Wire

/// `faults worker`
struct FaultyWorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "An expert worker that misbehaves at some of its tiles.")

    @Option(name: .customLong("model"), help: "Folder of the checkpoint.") var modelFolder: String
    @Option(help: "Experts to hold, by number or domain, separated by commas. Default: all.") var experts: String?
    @Option(help: "Address of a coordinator.") var connect: String
    @Option(help: "Name shown in tables.") var name: String
    @Option(help: "Threads that compute.") var threads = 1
    @Option(help: "What it does: \(FaultDescription.Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var fault: FaultDescription.Kind
    @Option(help: "The first tile at which it does so, from 1.") var from = 1
    @Option(help: "From then on, at every how manyth tile.") var every = 1

    func run() async throws {
        let fault = FaultDescription(fault, from: from, every: every)
        let worker = try ExpertWorker(
            folder: CheckpointFolder(path: modelFolder), experts: experts, engine: .automatic, threads: threads)
        var configuration = WorkerEndpoint.Configuration(name: name, coordinators: [try Endpoint(connect, for: .connect)])
        configuration.executor = worker.executor
        configuration.interception = Tampering(fault).interception
        let endpoint = try await WorkerEndpoint.start(
            configuration, computing: FaultyComputing(worker, fault), logger: Logger(label: "faults.worker"))
        try await endpoint.run()
    }
}

extension FaultDescription.Kind: ExpressibleByArgument {}
