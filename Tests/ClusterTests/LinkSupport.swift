import Foundation
import Logging
import MedMoE
import Synchronization
import Testing

@testable import Cluster
@testable import Wire

/// What was logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func contains(_ parts: String...) -> Bool { all.contains { line in parts.allSatisfy { line.contains($0) } } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines.lines.withLock { $0.append("\(event.level) \(event.message)") } }
    }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }
}

/// Keys of a coordinator and its peers, and the two files of authorised keys, in a folder that goes with the test.
final class Keys: Sendable {
    let folder: String
    let coordinator: KeyPair
    private let pairs: Mutex<[String: KeyPair]> = Mutex([:])

    init(peers: [(name: String, role: KeyRole?)]) throws {
        folder = "/tmp/medmoe-links-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        coordinator = try KeyPair.generate(name: "coordinator", role: .coordinator)
        _ = try coordinator.write(to: folder)
        for peer in peers { try make(peer.name, peer.role) }
        try authorize(peers.map(\.name))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Makes a key that nobody authorised yet.
    func make(_ name: String, _ role: KeyRole? = nil) throws {
        let pair = try KeyPair.generate(name: name, role: role)
        _ = try pair.write(to: folder)
        pairs.withLock { $0[name] = pair }
    }

    func pair(_ name: String) throws -> KeyPair { try #require(pairs.withLock { $0[name] }) }

    /// Lets exactly these in.
    func authorize(_ names: [String]) throws {
        let lines = try names.map { try pair($0).identity.line }
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: folder + "/authorized"))
        chmod(folder + "/authorized", 0o600)
    }

    var ofCoordinator: LinkSecurity {
        get throws { try LinkSecurity(keyFile: folder + "/coordinator.key", authorizedKeys: folder + "/authorized", insecure: false, as: .coordinator) }
    }

    /// A peer that trusts one key, the coordinator's unless another is named.
    func of(_ name: String, trusting server: String = "coordinator", as role: KeyRole) throws -> LinkSecurity {
        try LinkSecurity(keyFile: "\(folder)/\(name).key", authorizedKeys: "\(folder)/\(server).pub", insecure: false, as: role)
    }
}

/// A coordinator with encrypted ports, a good worker and a good client, to which other peers must do no harm.
struct EncryptedCluster {
    let cluster: TestCluster
    let keys: Keys
    let lines: LogLines
    let worker: WorkerEndpoint
    let client: CoordinatorClient
    private static let all = addresses(layers: 0..<2, experts: [0, 1])

    static func start(
        _ peers: [(name: String, role: KeyRole?)] = [], change: (inout CoordinatorEndpoint.Configuration) -> Void = { _ in }
    ) async throws -> EncryptedCluster {
        let keys = try Keys(peers: [("good-worker", .worker), ("good-client", .client)] + peers)
        let lines = LogLines()
        let security = try keys.ofCoordinator
        let cluster = try await TestCluster.start(logger: lines.logger) {
            $0.security = security
            change(&$0)
        }
        cluster.coordinator.serve(with: FakeEngine())
        var configuration = WorkerEndpoint.Configuration(name: "good", coordinators: cluster.coordinator.listening)
        configuration.security = try keys.of("good-worker", as: .worker)
        let worker = try await WorkerEndpoint.start(configuration, computing: FakeBank(holdings: try holdings(all)), logger: quiet)
        try await cluster.covered()
        let client = try await CoordinatorClient.connect(to: cluster.coordinator.serving[0], security: keys.of("good-client", as: .client))
        let encrypted = EncryptedCluster(cluster: cluster, keys: keys, lines: lines, worker: worker, client: client)
        try await encrypted.serves()
        return encrypted
    }

    var workerPort: Endpoint { cluster.coordinator.listening[0] }
    var clientPort: Endpoint { cluster.coordinator.serving[0] }

    /// The good worker computes, the good client is answered, over the connections that they had all the time.
    func serves(at location: SourceLocation = #_sourceLocation) async throws {
        let tiles = try (0..<4).map { try tile($0 % 2, $0 / 2, rows: 3, seed: $0) }
        let results = try await cluster.coordinator.dispatch.submit(tiles, deadline: .now + .seconds(20)).results()
        for (tile, result) in zip(tiles, results) { #expect(try numbers(result.rows) == numbers(expected(tile)), sourceLocation: location) }
        let words = try await collect(client.answer(AnswerRequest(id: "r\(UInt64.random(in: 0 ... .max))", task: .prompt("one two")))).words
        #expect(words == ["one", "two"], sourceLocation: location)
        let counters = try #require(await cluster.coordinator.status()).dispatch.counters
        #expect(counters.workersLost == 0, sourceLocation: location)
    }

    func links() async throws -> LinkCounters { try #require(await cluster.coordinator.status()).links }

    func refused(_ reason: LinkRefusal) async throws -> UInt64 { try await links().refused[reason] ?? 0 }

    func stop() async {
        await client.close()
        await worker.stop()
        await cluster.stop()
    }
}

/// A TCP relay between one dialler and a listener, which remembers what the dialler sent and can say it again.
final class Eavesdropper: @unchecked Sendable {
    let endpoint: Endpoint
    private let listener: Int32
    private let state = Mutex<(said: [[UInt8]], again: [[UInt8]], stopping: Bool)>(([], [], false))
    private let ended = Gate()

    init(before target: Endpoint) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &size) == 0 }
        }
        guard status else { throw TimedOut(description: "listen: \(errno)") }
        endpoint = .tcp(host: "127.0.0.1", port: UInt16(bigEndian: address.sin_port))
        try DedicatedThread.run(name: "eavesdropper") { [self] in
            relay(to: target)
            ended.open()
        }
    }

    /// What the dialler sent so far, as it came.
    var said: [[UInt8]] { state.withLock { $0.said } }

    /// Sends this to the listener, in the dialler's name.
    func say(_ bytes: [UInt8]) { state.withLock { $0.again.append(bytes) } }

    func stop() async {
        state.withLock { $0.stopping = true }
        await ended.wait()
        close(listener)
    }

    private func relay(to target: Endpoint) {
        var item = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        while poll(&item, 1, 50) <= 0 { if state.withLock({ $0.stopping }) { return } }
        let dialler = accept(listener, nil, nil)
        guard let target = try? RawLink(to: target) else { return }
        defer {
            close(dialler)
            target.end()
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !state.withLock({ $0.stopping }) {
            var items = [pollfd(fd: dialler, events: Int16(POLLIN), revents: 0), pollfd(fd: target.descriptor, events: Int16(POLLIN), revents: 0)]
            _ = poll(&items, 2, 5)
            if items[0].revents != 0 {
                let count = recv(dialler, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                state.withLock { $0.said.append(Array(buffer.prefix(count))) }
                target.send(Array(buffer.prefix(count)))
            }
            if items[1].revents != 0 {
                let count = recv(target.descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                _ = Glibc.send(dialler, buffer, count, Int32(MSG_NOSIGNAL))
            }
            for bytes in state.withLock({ state in defer { state.again = [] }; return state.again }) { target.send(bytes) }
        }
    }
}
