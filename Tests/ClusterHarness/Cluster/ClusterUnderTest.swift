import Cluster
import Foundation
import Synchronization
import Wire

/// A coordinator and its workers as processes on this machine, for one test.
package final class ClusterUnderTest: Sendable {
    package enum Transport: Sendable { case ipc, tcp }

    package let program: Program
    package let model: String
    /// Where workers connect.
    package let listening: String
    /// Where clients ask.
    package let serving: String
    private let arguments: [String]
    private let current: Mutex<RunningProgram>

    /// The coordinator that was started last.
    package var coordinator: RunningProgram { current.withLock { $0 } }

    /// Starts a coordinator and waits until it serves. The folder may be a whole model or a coordinator's part.
    package init(_ program: Program, model: String, _ transport: Transport = .ipc, arguments: [String] = []) async throws {
        self.program = program
        self.model = model
        self.arguments = arguments
        let unique = UUID().uuidString.prefix(6)
        let addresses = switch transport {
        case .ipc: ["ipc://\(program.folder.path)/\(unique).w", "ipc://\(program.folder.path)/\(unique).c"]
        // The system chooses free ports; the log says which.
        case .tcp: ["tcp://127.0.0.1:*", "tcp://127.0.0.1:*"]
        }
        let coordinator = try program.start(
            ClusterUnderTest.coordinatorArguments(model, listen: addresses[0], serve: addresses[1]) + arguments)
        current = Mutex(coordinator)
        try await ClusterUnderTest.waitUntilReady(coordinator)
        let log = coordinator.errors
        guard let listening = ClusterUnderTest.value("workers", in: log), let serving = ClusterUnderTest.value("clients", in: log)
        else { throw HarnessError("the coordinator does not say where it listens: \(log)") }
        self.listening = listening
        self.serving = serving
    }

    private static func coordinatorArguments(_ model: String, listen: String, serve: String) -> [String] {
        ["coordinator", "--model", model, "--listen", listen, "--serve", serve, "--threads", "1"]
    }

    private static func waitUntilReady(_ coordinator: RunningProgram) async throws {
        try await eventually(within: .seconds(30), "a coordinator serves") {
            if let end = coordinator.end { throw TooLate(description: "the coordinator \(end): \(coordinator.errors)") }
            return coordinator.errors.contains("ready for workers and clients")
        }
    }

    private static func value(_ key: String, in log: String) -> String? {
        log.split(separator: "\n").last { $0.contains("ready for workers and clients") }?
            .split(separator: " ").first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }

    /// Starts a worker. It dials until the coordinator takes it.
    package func startWorker(_ name: String, experts: String? = nil, model: String? = nil) throws -> RunningProgram {
        try program.start(["worker"] + workerArguments(name, experts: experts, model: model))
    }

    /// Starts a worker that misbehaves.
    package func startFaultyWorker(_ name: String, experts: String? = nil, _ fault: FaultDescription) throws -> RunningProgram {
        try program.startFaults(["worker"] + workerArguments(name, experts: experts, model: nil) + fault.arguments)
    }

    private func workerArguments(_ name: String, experts: String?, model: String?) -> [String] {
        ["--model", model ?? self.model, "--name", name, "--connect", listening, "--threads", "1"]
            + (experts.map { ["--experts", $0] } ?? [])
    }

    /// Starts another coordinator for the same addresses, while the first still has them or afterwards. Waits for nothing.
    package func startSecondCoordinator() throws -> RunningProgram {
        try program.start(ClusterUnderTest.coordinatorArguments(model, listen: listening, serve: serving) + arguments)
    }

    /// Starts a coordinator at the addresses of the one that has ended, and waits until it serves.
    @discardableResult
    package func restartCoordinator() async throws -> RunningProgram {
        let coordinator = try startSecondCoordinator()
        try await ClusterUnderTest.waitUntilReady(coordinator)
        current.withLock { $0 = coordinator }
        return coordinator
    }

    /// The coordinator's own account.
    package func status() async throws -> StatusReply {
        let client = try await CoordinatorClient.connect(to: Endpoint(serving, for: .connect))
        do {
            let status = try await client.status()
            await client.close()
            return status
        } catch {
            await client.close()
            throw error
        }
    }

    /// Waits until the coordinator's account is as wished.
    package func waitUntil(_ what: String, within limit: Duration = .seconds(30), _ condition: (StatusReply) -> Bool) async throws {
        do {
            try await eventually(within: limit, every: .milliseconds(50), what) { condition(try await status()) }
        } catch let error as TooLate {
            throw TooLate(description: "\(error)\nlast: \(try await status())\ncoordinator: \(coordinator.errors)")
        }
    }

    package func waitUntilCovered(by workers: Int) async throws {
        try await waitUntil("\(workers) workers hold all experts") { $0.covered && $0.workers.count == workers }
    }

    /// `medmoe ask --coordinator` with JSON output.
    package func askArguments(_ more: [String]) -> [String] { ["ask", "--coordinator", serving, "--json"] + more }
}
