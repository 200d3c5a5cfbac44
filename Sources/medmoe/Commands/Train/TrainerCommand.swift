import ArgumentParser
import Cluster
import Foundation
import TrainingCluster
import Wire

/// `medmoe trainer`
struct TrainerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trainer",
        abstract: "Holds domain experts while they learn, with their optimiser, for a coordinator of `medmoe train experts`.",
        discussion: """
            A trainer needs no model and no disk: the coordinator gives it experts, asks for them for its checkpoints, and gives them to \
            another trainer when this one is lost.

              medmoe train experts … --workers 2 --listen tcp://0.0.0.0:7080 --key learn.key --authorized-keys cluster.keys
              medmoe trainer --connect tcp://coordinator:7080 --key trainer.key --authorized-keys cluster.keys
            """)

    @Option(help: ArgumentHelp("Address of the coordinator, tcp://[KEY@]HOST:PORT or ipc://PATH.", valueName: "address"))
    var connect: String

    @Option(help: ArgumentHelp("Name shown to people. Default: host name and process.", valueName: "text"))
    var name: String?

    @OptionGroup var link: LinkOptions
    @OptionGroup var compute: TrainThreads
    @OptionGroup var logging: LoggingOptions

    @Option(name: .customLong("lifeline-folder"), help: .hidden)
    var lifelineFolder: String?

    func run() async throws {
        if let lifelineFolder { try Lifeline.watch(removing: PrivateFolder(lifelineFolder)) }
        let logger = logging.logger("trainer")
        let endpoint = try Endpoint(connect, for: .connect)
        let security = try link.security(as: .worker)
        _ = try security.protection(dialling: endpoint)
        let ownName = name ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
        let threads = compute.count
        let trainer = try await TrainerEndpoint.start(
            TrainerEndpoint.Configuration(name: ownName, coordinator: endpoint, security: security), logger: logger
        ) {
            let bank = TrainerBank(threads: threads)
            logger.notice("ready", metadata: ["with": "\(bank.summary)"])
            return bank
        }
        let stopping = Task {
            await TerminationSignal.wait()
            trainer.leave()
        }
        defer { stopping.cancel() }
        try await trainer.run()
    }
}
