import Foundation
import MedMoE
import Tensors
import Testing

@testable import Cluster
@testable import Wire

/// Sends noise at a port, from a thread of its own, until told to stop.
private final class Noise: @unchecked Sendable {
    private let ended = Gate()
    private let running = NSLock()
    private var isRunning = true
    private(set) var sent = 0

    init(_ name: String, _ round: @escaping @Sendable (inout Seeded) throws -> Void) throws {
        try DedicatedThread.run(name: name) { [self] in
            var random = Seeded(state: 1)
            while running.withLock({ isRunning }) {
                try? round(&random)
                running.withLock { sent += 1 }
            }
            ended.open()
        }
    }

    func stop() async {
        running.withLock { isRunning = false }
        await ended.wait()
    }

    var count: Int { running.withLock { sent } }
}

/// What a NULL-mechanism ZMTP 3.1 peer says first, with a DEALER's metadata.
private let greeting: [UInt8] = {
    var bytes: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1] + Array("NULL".utf8) + Array(repeating: 0, count: 16)
    bytes += [0] + Array(repeating: 0, count: 31)
    let ready = [5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, 6] + Array("DEALER".utf8)
    return bytes + [0x04, UInt8(ready.count)] + ready
}()

@Suite struct HostilePeerTests {
    private let all = addresses(layers: 0..<2, experts: [0, 1])

    /// Random frames over honest ZeroMQ sockets on both ports, while a good client and a good worker are served.
    @Test func randomFramesHarmNobody() async throws {
        let cluster = try await TestCluster.start()
        let engine = FakeEngine()
        cluster.coordinator.serve(with: engine)
        let worker = try await cluster.worker("good", all)
        try await cluster.covered()
        let client = try await CoordinatorClient.connect(to: cluster.coordinator.serving[0])
        let (workers, clients) = (cluster.coordinator.listening[0], cluster.coordinator.serving[0])
        let noises = try [workers, clients].map { endpoint in
            try Noise("noise") { random in
                let context = try ZMQContext()
                let socket = try ZMQSocket(context, .dealer(.worker(.random(using: &random))), maximumFrame: 1 << 20)
                try socket.connect(endpoint)
                for _ in 0..<40 { _ = socket.send(try Self.noise(&random)) }
                // Sometimes the connection breaks in the middle of what is on its way.
                socket.close(linger: .milliseconds(Int.random(in: 0...20, using: &random)))
            }
        }
        for round in 0..<60 {
            let tiles = try (0..<4).map { try tile($0 % 2, $0 / 2, rows: 3, seed: round) }
            let results = try await cluster.coordinator.dispatch.submit(tiles, deadline: .now + .seconds(20)).results()
            for (tile, result) in zip(tiles, results) { #expect(try numbers(result.rows) == numbers(expected(tile))) }
            #expect(try await collect(client.answer(AnswerRequest(id: "r\(round)", task: .prompt("one two")))).words == ["one", "two"])
        }
        try await eventually("there was noise") { noises.allSatisfy { $0.count > 3 } }
        for noise in noises { await noise.stop() }
        let status = try #require(await cluster.coordinator.status())
        #expect(status.dispatch.counters.malformed > 0 && status.clients.malformed > 0)
        #expect(status.dispatch.counters.workersLost == 0 && status.dispatch.workers.map(\.name) == ["good"])
        await client.close()
        await worker.stop()
        await cluster.stop()
    }

    private static func noise(_ random: inout Seeded) throws -> Multipart {
        func bytes(_ most: Int) -> [UInt8] {
            (0..<Int.random(in: 0...most, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        let types = MessageType.allCases
        var frames: [Frame] = []
        if Int.random(in: 0..<4, using: &random) > 0 {
            frames.append(try Frame(ProtocolHeader(types.randomElement(using: &random) ?? .beat).bytes))
        }
        for _ in 0..<Int.random(in: 0...6, using: &random) { frames.append(try Frame(bytes(200))) }
        if Int.random(in: 0..<20, using: &random) == 0 { frames.append(try Frame([UInt8](repeating: 7, count: 900_000))) }
        if Int.random(in: 0..<20, using: &random) == 0 { for _ in 0..<200 { frames.append(try Frame([1])) } }
        if frames.isEmpty { frames.append(try Frame([])) }
        return Multipart(frames: frames)
    }

    /// Bytes that are no ZMTP at all, half greetings, and frames that announce more than is allowed.
    @Test func connectionsThatDoNotSpeakZMTPHarmNobody() async throws {
        let cluster = try await TestCluster.start()
        cluster.coordinator.serve(with: FakeEngine())
        let client = try await CoordinatorClient.connect(to: cluster.coordinator.serving[0])
        var random = Seeded(state: 3)
        var open: [RawLink] = []
        for endpoint in [cluster.coordinator.listening[0], cluster.coordinator.serving[0]] {
            for round in 0..<30 {
                let connection = try RawLink(to: endpoint)
                switch round % 5 {
                case 0: connection.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                case 1: connection.send((0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) })
                case 2: connection.send(Array(greeting.prefix(Int.random(in: 1..<greeting.count, using: &random))))
                case 3: connection.send(greeting + (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) })
                default: break
                }
                if round % 2 == 0 { connection.end() } else { open.append(connection) }
            }
            // A frame of 2^62 bytes is announced: the connection is closed before anything is allocated.
            let giant = try RawLink(to: endpoint)
            giant.send(greeting + [0x02, 0x40, 0, 0, 0, 0, 0, 0, 0] + Array(repeating: 1, count: 1000))
            #expect(giant.isClosedByPeer())
            giant.end()
        }
        #expect(try await collect(client.answer(AnswerRequest(id: "r", task: .prompt("still here")))).words == ["still", "here"])
        let worker = try await cluster.worker("good", all)
        try await cluster.covered()
        for connection in open { connection.end() }
        await client.close()
        await worker.stop()
        await cluster.stop()
    }

    /// A peer that says Hello and then answers everything wrongly gets no say in the result.
    @Test func aLyingWorkerIsReplaced() async throws {
        let cluster = try await TestCluster.start()
        let liar = try await cluster.worker("liar", all) { holdings in
            FakeBank(holdings: holdings, spoil: { rows in try matrix(rows.shape[0], rows.shape[1]) { _ in .nan } })
        }
        try await cluster.covered()
        let alone = cluster.coordinator.dispatch.submit([try tile(0, 0)], deadline: .now + .seconds(10))
        let error = await #expect(throws: DispatchError.self) { try await alone.results() }
        #expect(error?.description.contains("not finite") == true)
        let honest = try await cluster.worker("honest", all)
        try await eventually("both are there") { await cluster.coordinator.status()?.dispatch.workers.count == 2 }
        let results = try await cluster.coordinator.dispatch.submit(try (0..<8).map { try tile(0, 0, seed: $0) }, deadline: .now + .seconds(10)).results()
        #expect(results.map { $0.shares.first?.worker } == Array(repeating: "honest", count: 8))
        await liar.stop()
        await honest.stop()
        await cluster.stop()
    }

    /// A coordinator that sends nonsense does not bring a worker down.
    @Test func aWorkerSurvivesNonsenseFromACoordinator() async throws {
        let folder = try temporaryFolder()
        let endpoint = try folder.endpoint("fake")
        let good = try await TestCluster.start()
        let noise = try Noise("noise") { random in
            let context = try ZMQContext()
            let socket = try ZMQSocket(context, .router, maximumFrame: 1 << 20)
            _ = try socket.bind(endpoint)
            let deadline = ContinuousClock.now + .milliseconds(300)
            var peer: PeerIdentity?
            while ContinuousClock.now < deadline {
                if case .message(_, let from?, _) = socket.receive(mostFrames: 9, mostBytes: 1 << 20) { peer = from }
                if let peer { for _ in 0..<10 { _ = socket.send(try Self.noise(&random), to: peer) } }
                usleep(1000)
            }
            socket.close()
        }
        let worker = try await WorkerEndpoint.start(
            .init(name: "w", coordinators: [endpoint] + good.coordinator.listening), computing: FakeBank(holdings: try holdings(all)), logger: quiet)
        try await eventually("nonsense arrived") { await worker.counters().map { $0.malformed > 20 } ?? false }
        try await good.covered()
        let result = try await good.coordinator.dispatch.submit([try tile(0, 1, rows: 2)], deadline: .now + .seconds(10)).results()
        #expect(try numbers(result[0].rows) == numbers(expected(tile(0, 1, rows: 2))))
        await noise.stop()
        await worker.stop()
        await good.stop()
        folder.removeWithSockets()
    }
}
