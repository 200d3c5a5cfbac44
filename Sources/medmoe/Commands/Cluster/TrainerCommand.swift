import ArgumentParser
import Cluster
import Foundation
import Glibc
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

    @Option(help: ArgumentHelp("Bytes that experts, their optimiser's state and rows under way may take. Default: what the machine has when they come.", valueName: "bytes"))
    var memory: Int?

    @OptionGroup var link: LinkOptions
    @OptionGroup var compute: TrainThreads
    @OptionGroup var logging: LoggingOptions

    @Option(name: .customLong("lifeline-folder"), help: .hidden)
    var lifelineFolder: String?

    func validate() throws {
        if let memory, memory < 1 { throw ValidationError("--memory is \(memory); expected at least 1 byte") }
    }

    func run() async throws {
        if let lifelineFolder {
            // The parent hears Ctrl-C and a SIGTERM to all processes too, and then still needs the experts, to save what they
            // learnt. Its end ends this process.
            for number in [SIGINT, SIGTERM] { signal(number, SIG_IGN) }
            try Lifeline.watch(removing: PrivateFolder(lifelineFolder))
        }
        let logger = logging.logger("trainer")
        let endpoint = try Endpoint(connect, for: .connect)
        let security = try link.security(as: .worker)
        _ = try security.protection(dialling: endpoint)
        let ownName = name ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
        let (threads, memory) = (compute.count, self.memory)
        let trainer = try await TrainerEndpoint.start(
            TrainerEndpoint.Configuration(name: ownName, coordinator: endpoint, security: security), logger: logger
        ) {
            let bank = TrainerBank(threads: threads, memoryLimit: memory)
            logger.notice("ready", metadata: ["with": "\(bank.summary)"])
            return bank
        }
        let stopping = lifelineFolder == nil ? Task { await Self.leave(trainer) } : nil
        defer { stopping?.cancel() }
        do {
            try await trainer.run()
        } catch {
            guard trainer.isComputing else { throw error }
            Terminal.note(Self.fullMessage(for: error))
            _exit(1)
        }
        // Nobody waits for a pass that still computes: the usual exit would take the libraries away from its thread, and end
        // in a crash.
        if trainer.isComputing { _exit(0) }
    }

    /// When this process is asked to end.
    private static func leave(_ trainer: TrainerEndpoint) async {
        await TerminationSignal.wait()
        trainer.leave()
    }
}
