import Foundation

/// The program under test, as it was built together with these tests.
package struct Program: Sendable {
    /// The program itself; nil when it was not built.
    package static let path = beside("medmoe")
    /// The program whose workers misbehave; nil when it was not built.
    package static let faultsPath = beside("faults")
    /// The program that looks after test hosts; nil when it was not built.
    package static let hostsPath = beside("hosts")

    /// An executable in the folder of the running one.
    private static func beside(_ name: String) -> String? {
        guard let running = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
        let candidate = URL(filePath: running).deletingLastPathComponent().appending(path: name).path
        return FileManager.default.isExecutableFile(atPath: candidate) ? candidate : nil
    }

    package let group: ProcessGroup
    /// Prints and runtime files of the processes go here.
    package var folder: TemporaryFolder { group.folder }
    package let environment: [String: String]
    /// Where it runs; nil for the machine itself.
    private var host: TestHost?

    /// - Parameter changes: variables to set besides those of this process.
    package init(_ changes: [String: String] = [:]) throws {
        group = try ProcessGroup()
        var environment = ProcessInfo.processInfo.environment
        environment["OPENBLAS_CORETYPE"] = nil
        environment["OMP_WAIT_POLICY"] = "passive"
        environment["XDG_RUNTIME_DIR"] = group.folder.path
        self.environment = environment.merging(changes) { $1 }
    }

    /// Another program of the same test, with other variables.
    package init(sharing other: Program, _ changes: [String: String]) {
        group = other.group
        environment = other.environment.merging(changes) { $1 }
    }

    /// The same program, run on a test host; files and folder are the same.
    package func on(_ host: TestHost?) -> Program {
        var copy = self
        copy.host = host
        return copy
    }

    package func start(_ arguments: [String]) throws -> RunningProgram { try start(Program.path, named: "medmoe", arguments) }

    /// Starts the program whose workers misbehave.
    package func startFaults(_ arguments: [String]) throws -> RunningProgram {
        try start(Program.faultsPath, named: "faults", arguments)
    }

    private func start(_ path: String?, named name: String, _ arguments: [String]) throws -> RunningProgram {
        guard let path else {
            throw HarnessError("\(name) is not beside this executable: build it with `swift build --build-tests` or `--product \(name)`")
        }
        return try startCommand([path] + arguments)
    }

    /// Starts any program, given by its path.
    package func startCommand(_ words: [String]) throws -> RunningProgram {
        let all = (host?.launcher ?? []) + words
        let process = try ChildProcess(all[0], Array(all.dropFirst()), environment: environment, folder: folder)
        group.add(process)
        return RunningProgram(process: process, group: group, host: host)
    }

    /// Runs it to its end.
    package func run(_ arguments: [String], within limit: Duration = .seconds(60)) async throws -> ProgramOutcome {
        try await start(arguments).outcome(within: limit)
    }
}
