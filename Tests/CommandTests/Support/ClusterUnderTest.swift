import Cluster
import Foundation
import Testing
import Wire

/// A coordinator and its workers as processes on this machine, for one test.
final class ClusterUnderTest: Sendable {
    enum Transport: Sendable { case ipc, tcp }

    let program: Program
    let model: String
    let coordinator: RunningProgram
    /// Where workers connect.
    let listening: String
    /// Where clients ask.
    let serving: String

    /// Starts a coordinator and waits until it serves. The folder may be a whole model or a coordinator's part.
    init(_ program: Program, model: String, _ transport: Transport = .ipc, arguments: [String] = []) async throws {
        self.program = program
        self.model = model
        let unique = UUID().uuidString.prefix(6)
        let addresses = switch transport {
        case .ipc: ["ipc://\(program.folder.path)/\(unique).w", "ipc://\(program.folder.path)/\(unique).c"]
        // The system chooses free ports; the log says which.
        case .tcp: ["tcp://127.0.0.1:*", "tcp://127.0.0.1:*"]
        }
        let coordinator = try await ClusterUnderTest.coordinator(program, model, addresses, arguments)
        self.coordinator = coordinator
        let log = coordinator.errors
        listening = try #require(ClusterUnderTest.value("workers", in: log), "\(log)")
        serving = try #require(ClusterUnderTest.value("clients", in: log), "\(log)")
    }

    private static func coordinator(
        _ program: Program, _ model: String, _ addresses: [String], _ arguments: [String]
    ) async throws -> RunningProgram {
        let coordinator = try program.start(
            ["coordinator", "--model", model, "--listen", addresses[0], "--serve", addresses[1], "--threads", "1"] + arguments)
        try await eventually(within: .seconds(30), "a coordinator serves") {
            if let end = coordinator.end { throw TooLate(description: "the coordinator \(end): \(coordinator.errors)") }
            return coordinator.errors.contains("ready for workers and clients")
        }
        return coordinator
    }

    /// Starts another coordinator at the addresses of the one that is gone.
    func restartCoordinator() async throws -> RunningProgram {
        try await ClusterUnderTest.coordinator(program, model, [listening, serving], [])
    }

    private static func value(_ key: String, in log: String) -> String? {
        log.split(separator: "\n").last { $0.contains("ready for workers and clients") }?
            .split(separator: " ").first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }

    /// Starts a worker. It dials until the coordinator takes it.
    func startWorker(_ name: String, experts: String? = nil, model: String? = nil) throws -> RunningProgram {
        try program.start(
            ["worker", "--model", model ?? self.model, "--name", name, "--connect", listening, "--threads", "1"]
                + (experts.map { ["--experts", $0] } ?? []))
    }

    /// The coordinator's own account.
    func status() async throws -> StatusReply {
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
    func waitUntil(_ what: String, within limit: Duration = .seconds(30), _ condition: (StatusReply) -> Bool) async throws {
        do {
            try await eventually(within: limit, every: .milliseconds(50), what) { condition(try await status()) }
        } catch let error as TooLate {
            throw TooLate(description: "\(error)\nlast: \(try await status())\ncoordinator: \(coordinator.errors)")
        }
    }

    func waitUntilCovered(by workers: Int) async throws {
        try await waitUntil("\(workers) workers hold all experts") { $0.covered && $0.workers.count == workers }
    }

    /// `medmoe ask --coordinator` with JSON output.
    func askArguments(_ more: [String]) -> [String] { ["ask", "--coordinator", serving, "--json"] + more }
}
