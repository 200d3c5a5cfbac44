import Cluster
import Logging
import MedMoE
import Wire

/// A coordinator in this process and workers on this machine, for one command.
struct LocalCluster {
    let modelFolder: String
    let workers: Int
    let compute: ComputeOptions
    /// Over tcp, protected like that, with these options for the workers; nil for a socket file.
    var tcp: (security: LinkSecurity, workerArguments: [String])?

    /// Starts it, waits for the workers, runs `body`, and ends it whatever happens.
    func run(_ loaded: MedMoEModel, _ body: @escaping @Sendable (CoordinatorEndpoint) async throws -> Void) async throws {
        let plans = LocalFleet.deal(experts: loaded.configuration.mixture?.expertCount ?? 0, workers: workers)
        let arguments = [
            "--model", modelFolder, "--threads", "\(compute.threadCount(sharedBy: workers))", "--gemm", compute.gemm.rawValue,
            "--log-level", "warning",
        ] + (tcp?.workerArguments ?? [])
        var logger = Logger(label: "medmoe.coordinator")
        logger.logLevel = .warning
        let place = try PrivateFolder.standard().makeTemporary(prefix: "bench")
        defer { place.removeWithSockets() }
        var configuration = CoordinatorEndpoint.Configuration(
            model: loaded, listen: [try tcp == nil ? place.endpoint("experts") : .tcp(host: "127.0.0.1", port: 0)])
        if let tcp { configuration.security = tcp.security }
        let endpoint = try await CoordinatorEndpoint.start(configuration, logger: logger)
        do {
            let fleet = try LocalFleet(
                plans.map { .init(name: $0.name, experts: $0.experts, arguments: arguments) }, coordinator: endpoint.listening.first)
            defer { fleet.stop() }
            try await fleet.guarding {
                try await TerminationSignal.cancelling {
                    try await endpoint.waitUntilCovered(deadline: .now + .seconds(300))
                    try await body(endpoint)
                }
            }
        } catch {
            await endpoint.stop()
            throw error
        }
        await endpoint.stop()
    }
}
