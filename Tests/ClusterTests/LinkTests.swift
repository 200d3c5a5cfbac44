import Foundation
import MedMoE
import Testing

@testable import Cluster
@testable import Wire

/// Encrypted ports and those who knock at them; a good worker and a good client go on unharmed all the time.
///
/// The address of a peer is only sure to be known of those that stay for a while.
@Suite struct LinkTests {
    private let all = addresses(layers: 0..<2, experts: [0, 1])

    /// A peer that dials by itself, on a context of its own.
    private final class Peer {
        let socket: ZMQSocket

        init(_ identity: PeerIdentity = .client(.random()), to endpoint: Endpoint, _ protection: LinkSecurity.Protection = .plaintext, maximumFrame: Int = 1 << 30) throws {
            socket = try ZMQSocket(ZMQContext(), .dealer(identity), maximumFrame: maximumFrame, protection: protection)
            try socket.connect(endpoint)
        }

        func send(_ frames: [[UInt8]]) throws { _ = socket.send(Multipart(frames: try frames.map { try Frame($0) })) }

        var isSilent: Bool { if case .nothing = socket.receive(mostFrames: 8, mostBytes: 1 << 20) { true } else { false } }

        /// What the listener says within ten seconds.
        func hear() async throws -> Multipart {
            var heard: Multipart?
            try await eventually("a message") {
                if case .message(let message, _, _) = socket.receive(mostFrames: 8, mostBytes: 1 << 20) { heard = message }
                return heard != nil
            }
            return try #require(heard)
        }
    }

    private func asking(_ inquiry: UInt64 = 1) throws -> [[UInt8]] { try ClientMessage.status(inquiry: inquiry).encoded().frames.map(\.bytes) }

    @Test func encryptedLinksCarryWhatPlainOnesDo() async throws {
        let encrypted = try await EncryptedCluster.start()
        let status = try await encrypted.client.status()
        #expect(status.counters["links_open"] == 2 && status.counters["links_refused_unauthorized"] == 0)
        let name = try encrypted.keys.pair("good-worker").identity.description
        #expect(encrypted.lines.contains("worker 'good'", name))
        await encrypted.stop()
    }

    @Test func framesOfTheGreatestAllowedSizePassEncryption() async throws {
        let encrypted = try await EncryptedCluster.start()
        let rows = 256
        let width = WireLimits.payload / 4 / rows
        let security = try encrypted.keys.ofCoordinator
        let wide = try await TestCluster.start(width: width) { $0.security = security }
        var configuration = WorkerEndpoint.Configuration(name: "wide", coordinators: wide.coordinator.listening)
        configuration.security = try encrypted.keys.of("good-worker", as: .worker)
        let worker = try await WorkerEndpoint.start(configuration, computing: FakeBank(holdings: try holdings(all, width: width)), logger: quiet)
        try await wide.covered()
        let large = try tile(0, 1, rows: rows, width: width)
        let result = try await wide.coordinator.dispatch.submit([large], deadline: .now + .seconds(20)).results()
        #expect(try numbers(result[0].rows) == numbers(expected(large)))
        await worker.stop()
        await wide.stop()
        await encrypted.stop()
    }

    @Test func whoDoesNotEncryptIsRefused() async throws {
        let encrypted = try await EncryptedCluster.start()
        let plain: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1] + Array("NULL".utf8) + Array(repeating: 0, count: 48)
        for endpoint in [encrypted.workerPort, encrypted.clientPort] {
            let before = try await encrypted.refused(.plaintext)
            let raw = try RawLink(to: endpoint)
            raw.send(plain)
            #expect(raw.isClosedByPeer())
            try await eventually("it is refused") { try await encrypted.refused(.plaintext) == before + 1 }
            raw.end()
            // A peer of our own may notice first that this port encrypts, and hang up itself.
            let peer = try Peer(to: endpoint)
            try peer.send(asking())
            try await eventually("it is refused") { try await encrypted.refused(.plaintext) + encrypted.refused(.hangup) >= before + 2 }
            peer.socket.close()
        }
        #expect(encrypted.lines.contains("refused ", "does not encrypt"))
        let client = try await CoordinatorClient.connect(to: encrypted.clientPort)
        let error = await #expect(throws: AnswerError.self) { try await client.status() }
        // Both sides see that they do not fit; when the other one hangs up first, again and again, this one only knows that nobody answers.
        #expect(error?.code == .unauthorized || error?.code == .unavailable)
        #expect(error?.reason.contains("--key") == true, "\(String(describing: error))")
        await client.close()
        try await encrypted.serves()
        await encrypted.stop()
    }

    @Test func whoKnowsAnotherKeyOfOursIsRefusedAndToldWhatToCompare() async throws {
        let encrypted = try await EncryptedCluster.start()
        try encrypted.keys.make("impostor", .coordinator)
        let client = try await CoordinatorClient.connect(to: encrypted.clientPort, security: encrypted.keys.of("good-client", trusting: "impostor", as: .client))
        let error = await #expect(throws: AnswerError.self) { try await collect(client.answer(AnswerRequest(id: "r", task: .prompt("one")))) }
        #expect(error?.code == .unauthorized && error?.reason.contains("another key than 'impostor'") == true)
        await client.close()
        #expect(try await encrypted.refused(.crypto) >= 2)
        #expect(encrypted.lines.contains("refused ", "not made with this port's key"))
        let lines = LogLines()
        let worker = try await worker(encrypted, "good-worker", trusting: "impostor", lines)
        try await eventually("it says so") { lines.contains("another key than 'impostor'") }
        await worker.stop()
        try await encrypted.serves()
        await encrypted.stop()
    }

    @Test func whoseKeyIsNotOnTheListIsRefusedAndGetsInOnceItIs() async throws {
        let encrypted = try await EncryptedCluster.start()
        try encrypted.keys.make("new")
        let line = try encrypted.keys.pair("new").identity.line
        let client = try await CoordinatorClient.connect(to: encrypted.clientPort, security: encrypted.keys.of("new", as: .client))
        for _ in 0..<2 {
            let error = await #expect(throws: AnswerError.self) { try await client.status() }
            #expect(error?.code == .unauthorized && error?.reason.contains(line) == true && error?.reason.contains("--authorized-keys") == true)
        }
        let lines = LogLines()
        let worker = try await worker(encrypted, "new", trusting: "coordinator", lines)
        try await eventually("it says so") { lines.contains(line) }
        #expect(try await encrypted.refused(.unauthorized) >= 2)
        #expect(try encrypted.lines.contains(encrypted.keys.pair("new").identity.publicKey.hexadecimalDigits, "not authorised", "127.0.0.1"))
        try await encrypted.serves()
        // Nobody is restarted.
        try encrypted.keys.authorize(["good-worker", "good-client", "new"])
        #expect(try await client.status().workers.isEmpty == false)
        try await eventually("the worker is taken") { await encrypted.cluster.coordinator.status()?.dispatch.workers.count == 2 }
        #expect(encrypted.lines.contains("was read again: 3 keys"))
        await client.close()
        await worker.stop()
        await encrypted.stop()
    }

    @Test func aKeyMayDoNothingButItsRole() async throws {
        let encrypted = try await EncryptedCluster.start([("spare-worker", .worker)])
        let protection = LinkSecurity.Protection.client(try encrypted.keys.pair("spare-worker"), server: encrypted.keys.coordinator.identity)
        let peer = try Peer(to: encrypted.clientPort, protection)
        try peer.send(asking())
        try await eventually("it is refused") { try await encrypted.refused(.unauthorized) > 0 }
        #expect(encrypted.lines.contains("key 'spare-worker'", "is a worker's and may not be used as a client's"))
        peer.socket.close()
        try await encrypted.serves()
        await encrypted.stop()
    }

    /// The key is good, the frame is not: libzmq hangs up before it allocates, and it is counted all the same.
    @Test func framesBeyondTheLimitEndTheConnection() async throws {
        let encrypted = try await EncryptedCluster.start([("loud", nil)])
        let protection = LinkSecurity.Protection.client(try encrypted.keys.pair("loud"), server: encrypted.keys.coordinator.identity)
        let peer = try Peer(to: encrypted.workerPort, protection)
        try peer.send([Array(repeating: 1, count: 100)])
        try await eventually("it is there") { try await encrypted.links().open == 3 }
        try await eventually("it was heard") { await encrypted.cluster.coordinator.status().map { $0.dispatch.counters.malformed > 0 } ?? false }
        try peer.send([Array(repeating: 1, count: WireLimits.payload + 4096)])
        try await eventually("it is ended") { try await encrypted.refused(.violation) > 0 }
        #expect(encrypted.lines.contains("refused 127.0.0.1:", "a frame beyond this port's limit"))
        peer.socket.close()
        try await encrypted.serves()
        await encrypted.stop()
    }

    @Test func handshakesThatTakeTooLongAreEnded() async throws {
        let encrypted = try await EncryptedCluster.start()
        let silent = try RawLink(to: encrypted.workerPort)
        let dripping = try RawLink(to: encrypted.clientPort)
        // A good greeting, a byte at a time: never idle, never done.
        var greeting: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1] + Array("CURVE".utf8)
        greeting += Array(repeating: 0, count: 64 - greeting.count)
        var sent = 0
        try await eventually("both are ended", within: .seconds(15)) {
            if sent < greeting.count { dripping.send([greeting[sent]]) }
            sent += 1
            _ = dripping.receive()
            return try await encrypted.refused(.timeout) == 2
        }
        #expect(silent.isClosedByPeer() && sent < greeting.count)
        #expect(encrypted.lines.contains("refused 127.0.0.1:", "did not finish the handshake within"))
        silent.end()
        dripping.end()
        try await encrypted.serves()
        await encrypted.stop()
    }

    @Test func whatSpeaksAnotherProtocolIsRefused() async throws {
        let encrypted = try await EncryptedCluster.start()
        let web = try RawLink(to: encrypted.clientPort)
        web.send(Array("GET / HTTP/1.1\r\nHost: coordinator\r\n\r\n".utf8) + Array(repeating: 32, count: 64))
        #expect(web.isClosedByPeer(within: .seconds(10)))
        try await eventually("it is counted") { try await encrypted.refused(.foreign) == 1 }
        #expect(encrypted.lines.contains("does not speak ZMTP"))
        web.end()
        let hasty = try RawLink(to: encrypted.clientPort)
        hasty.end()
        try await eventually("it is counted") { try await encrypted.refused(.hangup) == 1 }
        try await encrypted.serves()
        await encrypted.stop()
    }

    @Test func whatWasOverheardCannotBeSaidAgain() async throws {
        let encrypted = try await EncryptedCluster.start([("overheard", nil)])
        let ear = try Eavesdropper(before: encrypted.clientPort)
        let protection = LinkSecurity.Protection.client(try encrypted.keys.pair("overheard"), server: encrypted.keys.coordinator.identity)
        let peer = try Peer(to: ear.endpoint, protection)
        try peer.send(asking(1))
        _ = try await peer.hear()
        let before = ear.said.count
        try peer.send(asking(2))
        _ = try await peer.hear()
        let overheard = ear.said
        // The question crossed the wire, but not so that anybody could read its header.
        #expect(overheard.count > before)
        #expect(!Data(overheard.joined()).contains(sequence: Array("MMOE".utf8)))
        // On the same connection: nobody answers, and it is known.
        ear.say(Array(overheard[before...].joined()))
        try await eventually("it is refused") {
            // The news settles when something else happens.
            _ = try await encrypted.client.status()
            return try await encrypted.refused(.sequence) == 1
        }
        #expect(peer.isSilent)
        // On a new one, all at once or in turns.
        let hasty = try RawLink(to: encrypted.clientPort)
        hasty.send(Array(overheard.joined()))
        #expect(hasty.isClosedByPeer())
        try await eventually("it is refused") { try await encrypted.refused(.sequence) == 2 }
        hasty.end()
        let patient = try RawLink(to: encrypted.clientPort)
        // Greeting (64 bytes) and HELLO (202), the listener's greeting and WELCOME (170), then the rest.
        patient.send(Array(overheard.joined().prefix(266)))
        var heard = 0
        try await eventually("it is welcomed") {
            heard += patient.receive()?.count ?? 0
            return heard >= 64 + 170
        }
        patient.send(Array(overheard.joined().dropFirst(266)))
        #expect(patient.isClosedByPeer())
        try await eventually("it is refused") { try await encrypted.refused(.crypto) == 1 }
        patient.end()
        peer.socket.close()
        await ear.stop()
        #expect(encrypted.lines.contains("refused a peer", "replayed, or out of order") && encrypted.lines.contains("refused ", "changed or replayed"))
        try await encrypted.serves()
        await encrypted.stop()
    }

    @Test func whoseKeyIsTakenOffTheListIsHeardNoMore() async throws {
        let encrypted = try await EncryptedCluster.start([("second-worker", .worker), ("second-client", .client)])
        let lines = LogLines()
        let worker = try await worker(encrypted, "second-worker", trusting: "coordinator", lines)
        try await eventually("it is there") { await encrypted.cluster.coordinator.status()?.dispatch.workers.count == 2 }
        let client = try await CoordinatorClient.connect(to: encrypted.clientPort, security: encrypted.keys.of("second-client", as: .client))
        #expect(try await client.status().workers.count == 2)
        try encrypted.keys.authorize(["good-worker", "good-client"])
        // The worker beats every second; the next beat is one too many.
        try await eventually("it is gone") { await encrypted.cluster.coordinator.status()?.dispatch.workers.count == 1 }
        try await eventually("it says so") { lines.contains("does not accept this key") }
        let error = await #expect(throws: AnswerError.self) { try await client.status(timeout: .seconds(10)) }
        #expect(error?.code == .unauthorized || error?.code == .unavailable)
        #expect(try await encrypted.refused(.revoked) >= 2)
        #expect(encrypted.lines.contains("not as before: second-worker, second-client") && encrypted.lines.contains("not authorised any more"))
        await client.close()
        await worker.stop()
        let words = try await collect(encrypted.client.answer(AnswerRequest(id: "r", task: .prompt("still here")))).words
        #expect(words == ["still", "here"])
        await encrypted.stop()
    }

    @Test func aFullPortTakesNobodyUntilSomebodyGoes() async throws {
        let encrypted = try await EncryptedCluster.start([("late", .client)]) { $0.mostConnections = 3 }
        // One good client, and two that say nothing until their time is over.
        let idle = try (0..<2).map { _ in try RawLink(to: encrypted.clientPort) }
        try await eventually("the port is full") { try await encrypted.links().full == 1 }
        let late = try await CoordinatorClient.connect(to: encrypted.clientPort, security: encrypted.keys.of("late", as: .client))
        async let answer = collect(late.answer(AnswerRequest(id: "late", task: .prompt("at last"), deadlineMilliseconds: 60_000))).words
        try await encrypted.serves()
        #expect(try await encrypted.links().open == 4)
        for link in idle { link.end() }
        do {
            #expect(try await answer == ["at", "last"])
        } catch let error as AnswerError where error.code == .unavailable {
            // The system tries to connect again after one, two, four seconds; the question may have been given up by then.
            try await eventually("it is let in") { try await late.status().covered }
        }
        #expect(encrypted.lines.contains("--max-connections") && encrypted.lines.contains("takes connections again"))
        await late.close()
        try await encrypted.serves()
        await encrypted.stop()
    }

    @Test func withoutAKeyNothingBeyondThisMachineIsServedOrDialled() async throws {
        let anywhere = Endpoint.tcp(host: "0.0.0.0", port: 0)
        await #expect(throws: SecurityError.plaintext(endpoint: "tcp://0.0.0.0:*", listening: true)) { try await TestCluster.start(at: anywhere) }
        let elsewhere = Endpoint.tcp(host: "192.0.2.1", port: 7070)
        await #expect(throws: SecurityError.plaintext(endpoint: "tcp://192.0.2.1:7070", listening: false)) { try await CoordinatorClient.connect(to: elsewhere) }
        await #expect(throws: SecurityError.plaintext(endpoint: "tcp://192.0.2.1:7070", listening: false)) {
            try await WorkerEndpoint.start(.init(name: "w", coordinators: [elsewhere]), computing: FakeBank(holdings: try holdings(all)), logger: quiet)
        }
        let lines = LogLines()
        let insecure = try LinkSecurity(keyFile: nil, authorizedKeys: nil, insecure: true, as: .coordinator)
        let open = try await TestCluster.start(at: anywhere, logger: lines.logger) { $0.security = insecure }
        #expect(lines.contains("warning", "neither encrypted nor authenticated", "--insecure"))
        await open.stop()
    }

    @Test func onePortMayBeASocketFileAndAnEncryptedAddress() async throws {
        let keys = try Keys(peers: [("far", .worker)])
        let security = try keys.ofCoordinator
        let folder = try temporaryFolder()
        let local = try folder.endpoint("workers")
        let cluster = try await TestCluster.start {
            $0.security = security
            $0.listen.append(local)
        }
        var configuration = WorkerEndpoint.Configuration(name: "far", coordinators: [cluster.coordinator.listening[0]])
        configuration.security = try keys.of("far", as: .worker)
        let far = try await WorkerEndpoint.start(configuration, computing: FakeBank(holdings: try holdings(addresses(layers: 0..<2, experts: [0]))), logger: quiet)
        let near = try await WorkerEndpoint.start(
            .init(name: "near", coordinators: [local]), computing: FakeBank(holdings: try holdings(addresses(layers: 0..<2, experts: [1]))), logger: quiet)
        try await cluster.covered()
        let tiles = try (0..<8).map { try tile($0 % 2, $0 / 2 % 2, rows: 2, seed: $0) }
        let results = try await cluster.coordinator.dispatch.submit(tiles, deadline: .now + .seconds(10)).results()
        #expect(zip(tiles, results).allSatisfy { $1.shares.first?.worker == ($0.address.expert == 0 ? "far" : "near") })
        await far.stop()
        await near.stop()
        await cluster.stop()
        folder.removeWithSockets()
    }

    private func worker(_ encrypted: EncryptedCluster, _ name: String, trusting server: String, _ lines: LogLines) async throws -> WorkerEndpoint {
        var configuration = WorkerEndpoint.Configuration(name: name, coordinators: [encrypted.workerPort])
        configuration.security = try encrypted.keys.of(name, trusting: server, as: .worker)
        configuration.endsWhenRejected = false
        return try await WorkerEndpoint.start(configuration, computing: FakeBank(holdings: try holdings(all)), logger: lines.logger)
    }
}

extension Data {
    fileprivate func contains(sequence: [UInt8]) -> Bool { range(of: Data(sequence)) != nil }
}
