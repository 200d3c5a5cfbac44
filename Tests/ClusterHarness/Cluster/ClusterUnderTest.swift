import Cluster
import Foundation
import Synchronization
import Wire

/// A coordinator and its workers as processes on this machine, for one test.
package final class ClusterUnderTest: Sendable {
    package enum Transport: Sendable {
        case ipc, tcp
        /// The coordinator runs on a test host. Clients on the machine itself reach it by a socket in the folder of the
        /// program's files; those on hosts by tcp.
        case host(TestHost)
    }

    package let program: Program
    package let model: String
    /// Where workers connect.
    package let listening: String
    /// Where clients ask.
    package let serving: String
    /// Where clients on other hosts ask; nil when the coordinator runs on none.
    package let servingHosts: String?
    /// Keys of the links between hosts; nil on the machine itself.
    package let keys: LinkKeys?
    private let coordinatorProgram: Program
    private let arguments: [String]
    private let current: Mutex<RunningProgram>

    /// The coordinator that was started last.
    package var coordinator: RunningProgram { current.withLock { $0 } }

    /// Starts a coordinator and waits until it serves. The folder may be a whole model or a coordinator's part.
    package init(
        _ program: Program, model: String, _ transport: Transport = .ipc, arguments: [String] = [], readyWithin limit: Duration = .seconds(30)
    ) async throws {
        self.program = program
        self.model = model
        self.arguments = arguments
        let unique = UUID().uuidString.prefix(6)
        let file = "ipc://\(program.folder.path)/\(unique)"
        let (listen, serve) = switch transport {
        case .ipc: ("\(file).w", ["\(file).c"])
        // The system chooses free ports; the log says which.
        case .tcp: ("tcp://127.0.0.1:*", ["tcp://127.0.0.1:*"])
        case .host(let host): ("tcp://\(host.address):*", ["\(file).c", "tcp://\(host.address):*"])
        }
        if case .host(let host) = transport {
            coordinatorProgram = program.on(host)
            keys = try await LinkKeys.of(program)
        } else {
            coordinatorProgram = program
            keys = nil
        }
        let coordinator = try coordinatorProgram.start(
            ClusterUnderTest.coordinatorArguments(model, listen: listen, serve: serve) + (keys?.coordinator ?? []) + arguments)
        current = Mutex(coordinator)
        try await ClusterUnderTest.waitUntilReady(coordinator, within: limit)
        let log = coordinator.errors
        guard let listening = ClusterUnderTest.addresses("workers", in: log).first,
            let serving = ClusterUnderTest.addresses("clients", in: log).first
        else { throw HarnessError("the coordinator does not say where it listens: \(log)") }
        self.listening = listening
        self.serving = serving
        servingHosts = serve.count > 1 ? ClusterUnderTest.addresses("clients", in: log).last : nil
    }

    private static func coordinatorArguments(_ model: String, listen: String, serve: [String]) -> [String] {
        ["coordinator", "--model", model, "--listen", listen, "--threads", "1"] + serve.flatMap { ["--serve", $0] }
    }

    private static func waitUntilReady(_ coordinator: RunningProgram, within limit: Duration = .seconds(30)) async throws {
        try await eventually(within: limit, "a coordinator serves") {
            if let end = coordinator.end { throw TooLate(description: "the coordinator \(end): \(coordinator.errors)") }
            return coordinator.errors.contains("ready for workers and clients")
        }
    }

    /// The addresses after `KEY=` in the line in which the coordinator says that it is ready.
    private static func addresses(_ key: String, in log: String) -> [String] {
        guard let line = log.split(separator: "\n").last(where: { $0.contains("ready for workers and clients") }),
            let start = line.range(of: "\(key)=")
        else { return [] }
        return line[start.upperBound...].split(separator: " ").prefix { $0.hasPrefix("tcp://") || $0.hasPrefix("ipc://") }.map(String.init)
    }

    /// Starts a worker, on a host if one is given. It dials until the coordinator takes it.
    package func startWorker(
        _ name: String, experts: String? = nil, model: String? = nil, on host: TestHost? = nil, arguments more: [String] = []
    ) throws -> RunningProgram {
        try program.on(host).start(["worker"] + workerArguments(name, experts: experts, model: model) + more)
    }

    /// Starts a worker that misbehaves.
    package func startFaultyWorker(_ name: String, experts: String? = nil, _ fault: FaultDescription) throws -> RunningProgram {
        try program.startFaults(["worker"] + workerArguments(name, experts: experts, model: nil) + fault.arguments)
    }

    private func workerArguments(_ name: String, experts: String?, model: String?) -> [String] {
        ["--model", model ?? self.model, "--name", name, "--connect", listening, "--threads", "1"]
            + (experts.map { ["--experts", $0] } ?? []) + (keys?.worker ?? [])
    }

    /// Starts another coordinator for the same addresses, while the first still has them or afterwards. Waits for nothing.
    package func startSecondCoordinator() throws -> RunningProgram {
        let serve = [serving] + (servingHosts.map { [$0] } ?? [])
        return try coordinatorProgram.start(ClusterUnderTest.coordinatorArguments(model, listen: listening, serve: serve) + (keys?.coordinator ?? []) + arguments)
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
