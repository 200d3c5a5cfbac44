import Foundation
import Testing

/// The program under test, as it was built together with these tests.
struct Program: Sendable {
    /// Beside the running test executable; nil when it was not built.
    static let path: String? = {
        guard let tests = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
        let candidate = URL(filePath: tests).deletingLastPathComponent().appending(path: "medmoe").path
        return FileManager.default.isExecutableFile(atPath: candidate) ? candidate : nil
    }()

    let group: ProcessGroup
    /// Prints and runtime files of the processes go here.
    var folder: TemporaryFolder { group.folder }
    let environment: [String: String]

    /// - Parameter changes: variables to set besides those of this process.
    init(_ changes: [String: String] = [:]) throws {
        group = try ProcessGroup()
        var environment = ProcessInfo.processInfo.environment
        environment["OPENBLAS_CORETYPE"] = nil
        environment["OMP_WAIT_POLICY"] = "passive"
        environment["XDG_RUNTIME_DIR"] = group.folder.path
        self.environment = environment.merging(changes) { $1 }
    }

    func start(_ arguments: [String]) throws -> RunningProgram {
        let process = try ChildProcess(try #require(Program.path), arguments, environment: environment, folder: folder)
        group.add(process)
        return RunningProgram(process: process, group: group)
    }

    /// Runs it to its end.
    func run(_ arguments: [String], within limit: Duration = .seconds(60)) async throws -> ProgramOutcome {
        try await start(arguments).outcome(within: limit)
    }

    /// Runs it to its end, which must be a good one.
    @discardableResult
    func succeed(_ arguments: [String], within limit: Duration = .seconds(60), at location: SourceLocation = #_sourceLocation)
        async throws -> ProgramOutcome
    {
        let outcome = try await run(arguments, within: limit)
        try #require(outcome.succeeded, "\(outcome)", sourceLocation: location)
        return outcome
    }
}

/// The parent of all suites that start processes: they run one after the other, so that none starves another.
@Suite(.serialized, .enabled(if: Program.path != nil, "the medmoe program is not beside the test bundle: build it with `swift build --build-tests`"))
struct Commands {}

/// What lies in this checkout.
enum Checkout {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let bundledModel = root.appending(path: "cluster/models/medmoe-tiny").path

    static func image(_ name: String) -> String { root.appending(path: "cluster/images/\(name)").path }

    static let chest = image("synpic17738.jpg")
    static let brain = image("synpic17153.jpg")
    static let bowel = image("synpic25105.jpg")
}

/// The folder of large public data, where there is one.
let sharedFolder = ProcessInfo.processInfo.environment["MEDMOE_SHARED"].flatMap { $0.isEmpty ? nil : $0 }
