import Cluster
import Logging
import MedMoE

/// A coordinator in this process and workers on this machine, for one command.
struct LocalCluster {
    let modelFolder: String
    let workers: Int
    let compute: ComputeOptions

    /// Starts it, runs `body`, and ends it whatever happens.
    func run(_ loaded: MedMoEModel, _ body: @escaping @Sendable (CoordinatorEndpoint) async throws -> Void) async throws {
        let plans = LocalWorkers.deal(experts: loaded.configuration.mixture?.expertCount ?? 0, workers: workers)
        let arguments = [
            "--model", modelFolder, "--threads", "\(compute.threadCount(sharedBy: workers))", "--gemm", compute.gemm.rawValue,
            "--log-level", "warning",
        ]
        let fleet = try LocalWorkers(plans.map { .init(name: $0.name, experts: $0.experts, arguments: arguments) })
        defer { fleet.stop() }
        var logger = Logger(label: "medmoe.coordinator")
        logger.logLevel = .warning
        let endpoint = try await CoordinatorEndpoint.start(.init(model: loaded, listen: [fleet.endpoint]), logger: logger)
        do {
            try await fleet.guarding { try await TerminationSignal.cancelling { try await body(endpoint) } }
        } catch {
            await endpoint.stop()
            throw error
        }
        await endpoint.stop()
    }
}
