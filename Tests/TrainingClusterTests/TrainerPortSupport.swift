import Foundation
import Testing
import Wire

@testable import TrainingCluster

/// A port on ipc in a folder of its own, or on loopback tcp.
struct TestPort {
    let port: TrainerPort
    let folder: PrivateFolder

    static func start(
        tcp: Bool = false, beat: Duration = .milliseconds(200), change: (inout TrainerPort.Configuration) -> Void = { _ in }
    ) async throws -> TestPort {
        let folder = try PrivateFolder("/tmp/medmoe-test-\(UInt64.random(in: 0 ... .max))")
        let endpoint = try tcp ? .tcp(host: "127.0.0.1", port: 0) : folder.endpoint("trainers")
        var configuration = TrainerPort.Configuration(listen: [endpoint], beat: beat)
        change(&configuration)
        do {
            return TestPort(port: try await TrainerPort.start(configuration, logger: quiet), folder: folder)
        } catch {
            folder.removeWithSockets()
            throw error
        }
    }

    /// A trainer that dials the port.
    func trainer(
        _ name: String, _ record: FakeBank.Record = FakeBank.Record(), beat: Duration = .milliseconds(200),
        before: @escaping @Sendable (TrainerCall) -> Void = { _ in }, change: (inout TrainerEndpoint.Configuration) -> Void = { _ in }
    ) async throws -> TrainerEndpoint {
        var configuration = TrainerEndpoint.Configuration(name: name, coordinator: port.listening[0], beat: beat)
        change(&configuration)
        return try await TrainerEndpoint.start(configuration, logger: quiet) { FakeBank(record, before: before) }
    }

    /// So many trainers, once they are there, by name.
    func trainers(_ count: Int) async throws -> [TrainerPort.Trainer] {
        try await port.trainers(atLeast: count, until: .now + .seconds(10)).sorted { $0.name < $1.name }
    }

    /// An open session with these.
    func begin(with trainers: [TrainerPort.Trainer]) async throws {
        try await port.begin(with: trainers)
        for trainer in trainers { _ = try await port.call(opening(), of: trainer).result() }
    }

    func stop() async {
        await port.stop()
        folder.removeWithSockets()
    }
}

/// Keys of a coordinator and a trainer, in a folder that goes with the test.
final class Keys: Sendable {
    private let folder: String

    init() throws {
        folder = "/tmp/medmoe-keys-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        _ = try KeyPair.generate(name: "coordinator", role: .coordinator).write(to: folder)
        _ = try KeyPair.generate(name: "trainer", role: .worker).write(to: folder)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var ofCoordinator: LinkSecurity {
        get throws { try LinkSecurity(keyFile: folder + "/coordinator.key", authorizedKeys: folder + "/trainer.pub", insecure: false, as: .coordinator) }
    }

    var ofTrainer: LinkSecurity {
        get throws { try LinkSecurity(keyFile: folder + "/trainer.key", authorizedKeys: folder + "/coordinator.pub", insecure: false, as: .worker) }
    }
}
