import Foundation
import Glibc
import Wire

/// Expert workers, or trainers, as child processes of this one, for one command on one machine.
///
/// However this process ends, they end: each reads a pipe that only this process holds open, and at its end exits and
/// removes the folder with the sockets.
public final class LocalFleet: @unchecked Sendable {
    /// What a worker process is told.
    public struct Plan: Sendable, Hashable {
        public var name: String
        /// Indices of its experts; empty for all that its folder has.
        public var experts: [Int]
        /// What it is told besides its experts, its name and where to connect.
        public var arguments: [String]

        public init(name: String, experts: [Int], arguments: [String] = []) {
            self.name = name
            self.experts = experts
            self.arguments = arguments
        }
    }

    /// The folder of the socket between coordinator and workers.
    public let folder: PrivateFolder
    /// Where the coordinator has to listen.
    public let endpoint: Endpoint
    private let failures: AsyncStream<LocalFleetFailure>
    private let failure: AsyncStream<LocalFleetFailure>.Continuation
    // Written once by `init`, then only read.
    private let processes: [Process]
    private let lifelines: [FileHandle]

    /// Deals experts to workers in turn; with more workers than experts the further ones are replicas.
    public static func deal(experts: Int, workers: Int) -> [Plan] {
        (0..<workers).map { worker in
            let mine = workers >= experts ? [worker % max(1, experts)] : Array(stride(from: worker, to: experts, by: workers))
            return Plan(name: "worker-\(worker)", experts: mine)
        }
    }

    /// Starts one process per plan. They dial the endpoint until the coordinator listens there.
    ///
    /// - Parameters:
    ///   - command: what the program is told to be: `worker` or `trainer`.
    ///   - coordinator: where they connect instead of the socket in their folder.
    /// - Throws: `SocketError` when no private folder can be made; what starting a process throws.
    public init(
        _ plans: [Plan], command: String = "worker", coordinator: Endpoint? = nil, executable: String = "/proc/self/exe"
    ) throws {
        let (failures, failure) = AsyncStream<LocalFleetFailure>.makeStream()
        self.failures = failures
        self.failure = failure
        folder = try PrivateFolder.standard().makeTemporary(prefix: "ask")
        endpoint = try coordinator ?? folder.endpoint("experts")
        var processes: [Process] = []
        var lifelines: [FileHandle] = []
        let path = try FileManager.default.destinationOfSymbolicLink(atPath: executable)
        do {
            for plan in plans {
                let pipe = Pipe()
                // A sibling that inherited this end would keep the worker alive after us.
                _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
                let process = Process()
                process.executableURL = URL(filePath: path)
                let experts = plan.experts.map(String.init).joined(separator: ",")
                process.arguments = [command] + plan.arguments + (experts.isEmpty ? [] : ["--experts", experts]) + [
                    "--name", plan.name, "--connect", endpoint.description, "--lifeline-folder", folder.path,
                ]
                process.standardInput = pipe
                process.terminationHandler = { [failure] process in
                    // A killed worker is the cluster's business; one that gives up has said why and will not come back.
                    guard process.terminationReason == .exit, process.terminationStatus != 0 else { return }
                    failure.yield(LocalFleetFailure(name: plan.name, status: process.terminationStatus))
                }
                try process.run()
                try? pipe.fileHandleForReading.close()
                processes.append(process)
                lifelines.append(pipe.fileHandleForWriting)
            }
        } catch {
            lifelines.forEach { try? $0.close() }
            folder.removeWithSockets()
            throw error
        }
        self.processes = processes
        self.lifelines = lifelines
    }

    /// Ids of the worker processes.
    public var processIDs: [Int32] { processes.map(\.processIdentifier) }

    /// Runs `body`, but fails as soon as a worker gives up: it cannot load its experts, or the coordinator refuses it.
    ///
    /// - Throws: `LocalFleetFailure`, or what `body` throws.
    public func guarding(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask { [failures] in
                for await failure in failures { throw failure }
                // No failure until `body` ended and cancelled this task.
                throw CancellationError()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Ends the workers and removes the folder. Waits for nobody.
    public func stop() {
        processes.forEach { $0.terminationHandler = nil }
        lifelines.forEach { try? $0.close() }
        folder.removeWithSockets()
    }
}

/// A local worker that ended by itself; why stands in its own message on standard error.
public struct LocalFleetFailure: Error, Sendable, Hashable, CustomStringConvertible {
    public let name: String
    public let status: Int32

    public var description: String { "\(name) ended with status \(status): its message above says why" }
}
