import ArgumentParser
import Cluster
import Foundation
import Logging
import MedMoE
import Wire

/// `medmoe coordinator`
struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Runs the model but for its experts, and sends tiles of tokens to the workers that hold them.",
        discussion: """
            Workers connect to --listen, clients (medmoe ask, medmoe classify) to --serve. Answers are given as soon as \
            workers hold every expert; requests that come earlier wait until their deadline.

            On addresses beyond this machine, links are encrypted, and only listed keys may in:

              medmoe coordinator --model DIR --listen tcp://0.0.0.0:7070 --serve tcp://0.0.0.0:7071 \\
                --key coordinator.key --authorized-keys authorized

            FOR RESEARCH ONLY, NOT FOR CLINICAL USE.
            """)

    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint, or of its coordinator's part.", valueName: "dir"))
    var modelFolder: String

    @Option(help: ArgumentHelp("Address for workers, tcp://HOST:PORT or ipc://PATH; may be repeated.", valueName: "address"))
    var listen: [String]

    @Option(help: ArgumentHelp("Address for clients; may be repeated. Default: a socket in a private folder of this user.", valueName: "address"))
    var serve: [String] = []

    @Option(name: .customLong("max-running"), help: ArgumentHelp("Requests that run at the same time.", valueName: "n"))
    var maximumRunning = 16

    @Option(name: .customLong("max-waiting"), help: ArgumentHelp("Requests that wait for one of those places; more are refused, with advice when to ask again.", valueName: "n"))
    var maximumWaiting = 64

    @Option(name: .customLong("drain-timeout"), help: ArgumentHelp("When asked to stop: seconds to finish the requests that are there.", valueName: "seconds"))
    var drainTimeout = 30.0

    @OptionGroup var dispatch: DispatchOptions

    @Option(help: ArgumentHelp("Batches that take turns: while one waits for experts, another computes.", valueName: "n"))
    var lanes = 1

    @Option(name: .customLong("max-connections"), help: ArgumentHelp("TCP connections at the same time, at each port; more wait until one is gone.", valueName: "n"))
    var maximumConnections = LinkLimits.connections

    @OptionGroup var link: LinkOptions
    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        if !(1...4096).contains(maximumRunning) { throw ValidationError("--max-running is \(maximumRunning); expected 1 to 4096") }
        if !(0...65_536).contains(maximumWaiting) { throw ValidationError("--max-waiting is \(maximumWaiting); expected 0 to 65536") }
        try checkDrainTimeout(drainTimeout)
        if !(1...100_000).contains(maximumConnections) {
            throw ValidationError("--max-connections is \(maximumConnections); expected 1 to 100000")
        }
        if !(1...16).contains(lanes) { throw ValidationError("--lanes is \(lanes); expected 1 to 16") }
    }

    func run() async throws {
        let logger = logging.logger("coordinator")
        let workers = try listen.map { try Endpoint($0, for: .bind) }
        let clients = serve.isEmpty
            ? [try CoordinatorEndpoint.standardClientEndpoint()] : try serve.map { try Endpoint($0, for: .bind) }
        let security = try link.security(as: .coordinator)
        for endpoint in workers + clients { _ = try security.protection(listeningAt: endpoint) }
        let loaded = try model.load(modelFolder)
        var configuration = CoordinatorEndpoint.Configuration(model: loaded, listen: workers, serve: clients)
        configuration.security = security
        configuration.mostConnections = maximumConnections
        configuration.clients.mostRunning = maximumRunning
        configuration.clients.mostWaiting = maximumWaiting
        try dispatch.apply(to: &configuration, of: loaded)
        let endpoint = try await CoordinatorEndpoint.start(configuration, logger: logger)
        let dispatch = endpoint.dispatch
        let engine = InferenceEngine(
            model: loaded,
            options: EngineOptions(gemm: compute.gemm, threads: compute.threadCount(), maximumRunning: maximumRunning, lanes: lanes),
            dispatch: { _ in dispatch })
        do {
            let summary = try await engine.computeSummary()
            logger.notice("computing", metadata: ["with": "\(summary)", "digest": "\(loaded.digest)"])
        } catch {
            await endpoint.stop()
            throw error
        }
        endpoint.serve(with: engine)
        logger.notice(
            "ready for workers and clients",
            metadata: [
                "workers": "\(endpoint.listening.map(\.description).joined(separator: " "))",
                "clients": "\(endpoint.serving.map(\.description).joined(separator: " "))",
                "key": "\(security.key?.identity.name ?? "none")",
            ])
        await TerminationSignal.wait()
        logger.notice("shutting down", metadata: ["drain-timeout": "\(drainTimeout) s"])
        await endpoint.drain(timeout: .seconds(drainTimeout))
        await endpoint.stop()
    }
}
