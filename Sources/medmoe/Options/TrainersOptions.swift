import ArgumentParser
import Cluster
import Logging
import Tensors
import Training
import TrainingCluster
import Wire

/// Whether experts learn in other processes, and in which.
struct TrainersOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Let the domain experts learn in so many trainers, each with some of them. Started here, unless --listen says where others dial in.", valueName: "n"))
    var workers: Int?

    @Option(help: ArgumentHelp("Wait for trainers of other machines at this address, tcp://HOST:PORT or ipc://PATH; may be repeated.", valueName: "address"))
    var listen: [String] = []

    @Option(name: .customLong("replacement-timeout"), help: ArgumentHelp("After a trainer of another machine is lost: seconds to wait for a new one (30). Then those that are left share its experts.", valueName: "seconds"))
    var replacementTimeout: Double?

    @OptionGroup var link: LinkOptions

    func validate() throws {
        if let workers, !(1...1024).contains(workers) { throw ValidationError("--workers is \(workers); expected 1 to 1024") }
        if workers == nil, !listen.isEmpty { throw ValidationError("--listen is for trainers: say how many with --workers") }
        if listen.isEmpty, replacementTimeout != nil || link.key != nil || link.authorizedKeys != nil || link.insecure {
            throw ValidationError("--replacement-timeout, --key, --authorized-keys and --insecure are for trainers of other machines: say where they dial in with --listen")
        }
        if let replacementTimeout, !(0...86_400).contains(replacementTimeout) {
            throw ValidationError("--replacement-timeout is \(replacementTimeout); expected 0 to 86400 seconds")
        }
    }

    /// Runs `body` with a fleet of trainers, or with none when everything learns here.
    ///
    /// - Parameter threads: of this process; local trainers share as many.
    func run<Output: Sendable>(
        threads: Int, _ body: @escaping @Sendable ((@Sendable () -> any ExpertFleet)?) async throws -> Output
    ) async throws -> Output {
        guard let workers else { return try await body(nil) }
        var logger = Logger(label: "medmoe.trainers")
        logger.logLevel = .warning
        if !listen.isEmpty {
            let port = try await TrainerPort.start(
                TrainerPort.Configuration(
                    listen: try listen.map { try Endpoint($0, for: .bind) }, security: try link.security(as: .coordinator)),
                logger: logger)
            Terminal.note("trainers: waiting for \(workers) at \(port.listening.map(\.description).joined(separator: ", "))")
            let patience = RemoteExperts.Patience(trainers: workers, afterLoss: .seconds(replacementTimeout ?? 30))
            return try await closing(port) { try await body { RemoteExperts(port, patience) } }
        }
        let share = max(1, threads / workers)
        // Each would take all of it.
        let memory = SystemMemory.available / 5 * 4 / workers
        let fleet = try LocalFleet(
            (0..<workers).map {
                .init(
                    name: "trainer-\($0)", experts: [],
                    arguments: ["--threads", "\(share)", "--memory", "\(memory)", "--log-level", "warning"])
            }, command: "trainer")
        defer { fleet.stop() }
        let port = try await TrainerPort.start(TrainerPort.Configuration(listen: [fleet.endpoint]), logger: logger)
        return try await closing(port) {
            // Nobody starts another one in the place of a local trainer, but one that was stopped for a while may come back.
            let patience = RemoteExperts.Patience(trainers: workers, afterLoss: .seconds(5))
            let carried = Carried()
            try await fleet.guarding { await carried.set(try await body { RemoteExperts(port, patience) }) }
            guard let output: Output = await carried.output() else { throw CancellationError() }
            return output
        }
    }

    private func closing<Output: Sendable>(_ port: TrainerPort, _ body: () async throws -> Output) async throws -> Output {
        do {
            let output = try await body()
            await port.stop()
            return output
        } catch {
            await port.stop()
            throw error
        }
    }

    /// Carries what came out of a closure that runs elsewhere.
    private actor Carried {
        private var value: (any Sendable)?

        func set(_ value: any Sendable) { self.value = value }
        func output<Output: Sendable>() -> Output? { value as? Output }
    }
}
