import Foundation
import Logging
import MedMoE
import Synchronization
import Tensors
import Testing
import Wire

@testable import Cluster

/// Answers with the words of the prompt; some prompts have a meaning.
final class FakeEngine: AnswerEngine {
    let gate = Gate()
    let ended = Mutex<[String]>([])
    let requests = Mutex<[AnswerRequest]>([])

    func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        requests.withLock { $0.append(request) }
        return AsyncThrowingStream { continuation in
            let task = Task {
                guard case .prompt(let prompt) = request.task else {
                    continuation.yield(.done(.sample("\(request.task)", [])))
                    return continuation.finish()
                }
                if prompt == "lost" { return continuation.finish(throwing: DispatchError.expertsLost([ExpertAddress(layer: 0, expert: 3)])) }
                let words = prompt.split(separator: " ").map(String.init)
                for (index, word) in words.enumerated() {
                    if word == "wait" { await self.gate.wait() }
                    if Task.isCancelled { break }
                    if word == "forever" { try? await Task.sleep(for: .seconds(60)) }
                    continuation.yield(.token(id: index, text: word))
                }
                self.ended.withLock { $0.append(request.id + (Task.isCancelled ? " cancelled" : "")) }
                continuation.yield(.done(.sample(words.joined(), Array(words.indices))))
                continuation.finish()
            }
            continuation.onTermination = { if case .cancelled = $0 { task.cancel() } }
        }
    }
}

func temporaryFolder() throws -> PrivateFolder { try PrivateFolder("/tmp/medmoe-test-\(UInt64.random(in: 0 ... .max))") }

/// A coordinator on loopback tcp or on ipc in a folder of its own.
struct TestCluster {
    let coordinator: CoordinatorEndpoint
    let folder: PrivateFolder

    static func start(
        ipc: Bool = false, width: Int = 4, experts: [ExpertAddress] = addresses(layers: 0..<2, experts: [0, 1]), serve: Bool = true,
        at listen: Endpoint? = nil, logger: Logger = quiet, change: (inout CoordinatorEndpoint.Configuration) -> Void = { _ in }
    ) async throws -> TestCluster {
        let folder = try temporaryFolder()
        let port = Endpoint.tcp(host: "127.0.0.1", port: 0)
        var configuration = CoordinatorEndpoint.Configuration(
            listen: [try listen ?? (ipc ? folder.endpoint("workers") : port)], serve: serve ? [try ipc ? folder.endpoint("clients") : port] : [],
            width: width, required: Set(experts))
        change(&configuration)
        do {
            return TestCluster(coordinator: try await CoordinatorEndpoint.start(configuration, logger: logger), folder: folder)
        } catch {
            folder.removeWithSockets()
            throw error
        }
    }

    func worker(_ name: String, _ experts: [ExpertAddress], bank: (WorkerHoldings) -> FakeBank = { FakeBank(holdings: $0) }, width: Int = 4) async throws -> WorkerEndpoint {
        try await WorkerEndpoint.start(
            .init(name: name, coordinators: coordinator.listening), computing: bank(try holdings(experts, width: width)), logger: quiet)
    }

    func covered() async throws { try await coordinator.waitUntilCovered(deadline: .now + .seconds(10)) }

    func stop() async {
        await coordinator.stop()
        try? FileManager.default.removeItem(atPath: folder.path)
    }
}

func collect(_ stream: AsyncThrowingStream<AnswerEvent, any Error>) async throws -> (words: [String], summary: AnswerSummary?) {
    var words: [String] = []
    var summary: AnswerSummary?
    for try await event in stream {
        switch event {
        case .token(_, let text): words.append(text)
        case .done(let done): summary = done
        }
    }
    return (words, summary)
}

@Suite struct WorkerEndpointTests {
    private let all = addresses(layers: 0..<2, experts: [0, 1])

    @Test(arguments: [false, true])
    func tilesAreComputedByTheWorkersThatHoldTheirExperts(ipc: Bool) async throws {
        let cluster = try await TestCluster.start(ipc: ipc)
        let a = try await cluster.worker("a", addresses(layers: 0..<2, experts: [0]))
        let b = try await cluster.worker("b", addresses(layers: 0..<2, experts: [1]))
        try await cluster.covered()
        let tiles = try (0..<40).map { try tile($0 % 2, $0 / 2 % 2, rows: $0 % 7 + 1, seed: $0) }
        let results = try await cluster.coordinator.dispatch.submit(tiles, deadline: .now + .seconds(10)).results()
        for (tile, result) in zip(tiles, results) {
            #expect(try numbers(result.rows) == numbers(expected(tile)))
            #expect(result.shares.first?.worker == (tile.address.expert == 0 ? "a" : "b") && result.expertRows == tile.rowCount)
        }
        let counters = await a.counters()
        #expect(counters?.tilesDone == 20)
        await a.stop()
        await b.stop()
        await cluster.stop()
        #expect(!FileManager.default.fileExists(atPath: cluster.folder.path))
    }

    @Test func theLargestTileCrosses() async throws {
        let width = 2048
        let cluster = try await TestCluster.start(width: width)
        let worker = try await cluster.worker("w", all, width: width)
        try await cluster.covered()
        let large = try tile(0, 0, rows: ExpertTile.rowLimit(width: width), width: width)
        let results = try await cluster.coordinator.dispatch.submit([large], deadline: .now + .seconds(20)).results()
        #expect(try numbers(results[0].rows) == numbers(expected(large)))
        await worker.stop()
        await cluster.stop()
    }

    @Test func aWorkerThatStopsMidTileIsReplacedByItsReplica() async throws {
        let cluster = try await TestCluster.start()
        let gate = Gate()
        let stuck = try await cluster.worker("a", all) { FakeBank(holdings: $0, before: { await gate.wait() }) }
        try await cluster.covered()
        let ticket = cluster.coordinator.dispatch.submit([try tile(0, 0), try tile(1, 1)], deadline: .now + .seconds(20))
        try await eventually("the worker computes") { gate.arrived > 0 }
        let replica = try await cluster.worker("b", all)
        try await eventually("both are there") { await cluster.coordinator.status()?.dispatch.workers.count == 2 }
        let start = ContinuousClock.now
        // Its sockets close without a goodbye, as those of a killed process.
        await stuck.stop()
        let results = try await ticket.results()
        #expect(results.map { $0.shares.first?.worker } == ["b", "b"])
        // By a probe that fails, long before three beats of silence.
        #expect(start.duration(to: .now) < .seconds(2))
        gate.open()
        await replica.stop()
        await cluster.stop()
    }

    @Test func lostExpertsAreNamedAtTheDeadline() async throws {
        let cluster = try await TestCluster.start()
        let worker = try await cluster.worker("a", addresses(layers: 0..<2, experts: [0]))
        try await eventually("the worker is there") { await cluster.coordinator.status()?.dispatch.workers.count == 1 }
        let ticket = cluster.coordinator.dispatch.submit([try tile(0, 0), try tile(1, 1)], deadline: .now + .milliseconds(100))
        await #expect(throws: DispatchError.expertsLost(addresses(layers: 0..<2, experts: [1]))) { try await ticket.results() }
        await #expect(throws: DispatchError.self) { try await cluster.coordinator.waitUntilCovered(deadline: .now + .milliseconds(50)) }
        await worker.stop()
        await cluster.stop()
    }

    @Test func aRestartedCoordinatorHasItsWorkersBackWithinFiveSeconds() async throws {
        let first = try await TestCluster.start()
        let worker = try await first.worker("a", all)
        try await first.covered()
        await first.stop()
        let start = ContinuousClock.now
        let second = try await TestCluster.start(at: first.coordinator.listening[0])
        try await second.coordinator.waitUntilCovered(deadline: .now + .seconds(10))
        #expect(start.duration(to: .now) < .seconds(5))
        let results = try await second.coordinator.dispatch.submit([try tile(0, 1)], deadline: .now + .seconds(10)).results()
        #expect(results.count == 1)
        await worker.stop()
        await second.stop()
    }

    @Test func otherWeightsAreRefusedOnBothSides() async throws {
        let expected = try Dictionary(uniqueKeysWithValues: all.map { ($0, try digest($0, model: 2)) })
        let cluster = try await TestCluster.start { $0.dispatch.expectedDigests = expected }
        let worker = try await cluster.worker("a", all)
        let error = await #expect(throws: WorkerError.self) { try await worker.run() }
        #expect(error?.description.contains("layer 0 expert 0") == true)
        let status = await cluster.coordinator.status()
        #expect(status?.dispatch.workers.isEmpty == true && (status?.dispatch.counters.workersRejected ?? 0) >= 1)
        await cluster.stop()
    }

    @Test func aWorkerLeavesInOrder() async throws {
        let cluster = try await TestCluster.start()
        let gate = Gate()
        let arrived = Mutex(0)
        var configuration = WorkerEndpoint.Configuration(name: "a", coordinators: cluster.coordinator.listening)
        configuration.interception = WorkerInterception(received: { message in
            if case .tile = message { arrived.withLock { $0 += 1 } }
            return message
        })
        let leaving = try await WorkerEndpoint.start(
            configuration, computing: FakeBank(holdings: try holdings(all), before: { await gate.wait() }), logger: quiet)
        try await cluster.covered()
        let ticket = cluster.coordinator.dispatch.submit(try (0..<6).map { try tile(0, 0, seed: $0) }, deadline: .now + .seconds(20))
        // A tile that arrives after the worker was asked to leave would be refused, and nobody else could compute it.
        try await eventually("the worker has all tiles") { arrived.withLock { $0 == 6 } && gate.arrived > 0 }
        leaving.leave()
        try await eventually("the coordinator knows") { await cluster.coordinator.status()?.dispatch.workers.first?.isLeaving == true }
        gate.open()
        try await leaving.run()
        // All that it had was finished; nobody else could.
        let results = try await ticket.results()
        #expect(results.map { $0.shares.first?.worker } == Array(repeating: "a", count: 6))
        await cluster.stop()
    }

    @Test func oneWorkerServesTwoCoordinators() async throws {
        let one = try await TestCluster.start()
        let two = try await TestCluster.start()
        let worker = try await WorkerEndpoint.start(
            .init(name: "w", coordinators: one.coordinator.listening + two.coordinator.listening),
            computing: FakeBank(holdings: try holdings(all)), logger: quiet)
        for cluster in [one, two] {
            try await cluster.covered()
            let result = try await cluster.coordinator.dispatch.submit([try tile(1, 0, rows: 3)], deadline: .now + .seconds(10)).results()
            #expect(try numbers(result[0].rows) == numbers(expected(tile(1, 0, rows: 3))))
        }
        await worker.stop()
        await one.stop()
        await two.stop()
    }

    @Test func cancellingTheWaitingTaskCancelsTheTicket() async throws {
        let cluster = try await TestCluster.start()
        let ticket = cluster.coordinator.dispatch.submit([try tile(0, 0)], deadline: .now + .seconds(60))
        let waiting = Task { try await ticket.results() }
        waiting.cancel()
        await #expect(throws: DispatchError.cancelled) { try await waiting.value }
        try await eventually("nothing waits") { await cluster.coordinator.status()?.dispatch.waitingTiles == 0 }
        let late = cluster.coordinator.dispatch.submit([try tile(0, 0)], deadline: .now + .seconds(60))
        await cluster.stop()
        await #expect(throws: DispatchError.cancelled) { try await late.results() }
        let tooLate = cluster.coordinator.dispatch.submit([try tile(0, 0)], deadline: .now + .seconds(60))
        await #expect(throws: DispatchError.cancelled) { try await tooLate.results() }
    }

    @Test func aLifelineThatEndsRemovesTheFolder() async throws {
        let folder = try temporaryFolder()
        let cluster = try await TestCluster.start { $0.listen = [(try? folder.endpoint("s")) ?? $0.listen[0]] }
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        final class Flag: Sendable { let value = Atomic<Bool>(false) }
        let flag = Flag()
        try Lifeline.watch(ends[0], removing: folder) { flag.value.store(true, ordering: .relaxed) }
        #expect(FileManager.default.fileExists(atPath: folder.path + "/s"))
        close(ends[1])
        try await eventually("the end is noticed") { flag.value.load(ordering: .relaxed) }
        #expect(!FileManager.default.fileExists(atPath: folder.path))
        await cluster.stop()
    }
}

@Suite struct ClientEndpointTests {
    @Test(arguments: [false, true])
    func answersStreamToTheClient(ipc: Bool) async throws {
        let cluster = try await TestCluster.start(ipc: ipc)
        let engine = FakeEngine()
        cluster.coordinator.serve(with: engine)
        let client = try await CoordinatorClient.connect(to: cluster.coordinator.serving[0])
        var request = AnswerRequest(
            id: "r", task: .prompt("what is this"), images: [[1, 2, 3], [UInt8](repeating: 9, count: 300_000)],
            sampling: .init(temperature: 0.5, topP: 0.9, topK: 3, seed: .max), maximumTokens: 7, stopStrings: ["x"])
        let (words, summary) = try await collect(client.answer(request))
        #expect(words == ["what", "is", "this"])
        #expect(summary == .sample("whatisthis", [0, 1, 2]))
        let seen = try #require(engine.requests.withLock { $0.first })
        #expect(seen.images == request.images && seen.sampling == request.sampling && seen.stopStrings == ["x"])
        for task in [
            AnswerRequest.Task.conversation([.init(.user, "a"), .init(.assistant, "b"), .init(.user, "c")]),
            .classify([.init(.user, "m?")], labels: ["CT", "MRI"]),
        ] {
            request.task = task
            let (_, summary) = try await collect(client.answer(request))
            #expect(summary?.answer == "\(task)")
        }
        let status = try await client.status()
        #expect(!status.covered && status.missing.count == 4 && status.counters["requests_done"] == 3)
        await client.close()
        await cluster.stop()
    }

    @Test func endingTheIterationCancelsTheRequest() async throws {
        let cluster = try await TestCluster.start()
        let engine = FakeEngine()
        cluster.coordinator.serve(with: engine)
        let client = try await CoordinatorClient.connect(to: cluster.coordinator.serving[0])
        for try await _ in client.answer(AnswerRequest(id: "r", task: .prompt("one forever two"))) { break }
        try await eventually("the engine's work ends") { engine.ended.withLock { $0 } == ["r cancelled"] }
        try await eventually("nothing runs") { await cluster.coordinator.status()?.runningRequests == 0 }
        await client.close()
        await cluster.stop()
    }

    @Test func aClientThatVanishesCancelsItsRequestUnlessAnotherJoined() async throws {
        let cluster = try await TestCluster.start()
        let engine = FakeEngine()
        cluster.coordinator.serve(with: engine)
        let one = try await CoordinatorClient.connect(to: cluster.coordinator.serving[0])
        let two = try await CoordinatorClient.connect(to: cluster.coordinator.serving[0])
        let alone = Task { try await collect(one.answer(AnswerRequest(id: "alone", task: .prompt("a forever b")))) }
        let first = Task { try await collect(one.answer(AnswerRequest(id: "shared", task: .prompt("a wait b")))) }
        try await eventually("both run") { await cluster.coordinator.status()?.runningRequests == 2 }
        let second = Task { try await collect(two.answer(AnswerRequest(id: "shared", task: .prompt("a wait b")))) }
        try await eventually("the second joined") { await cluster.coordinator.status()?.clients.joined == 1 }
        await one.close()
        try await eventually("the lonely request is cancelled") { engine.ended.withLock { $0 } == ["alone cancelled"] }
        engine.gate.open()
        #expect(try await second.value.words == ["a", "wait", "b"])
        await #expect(throws: AnswerError.self) { try await first.value }
        await #expect(throws: AnswerError.self) { try await alone.value }
        await two.close()
        await cluster.stop()
    }

    @Test func refusalsAndErrorsKeepTheirCode() async throws {
        let cluster = try await TestCluster.start { $0.clients.mostRunning = 1; $0.clients.mostWaiting = 0 }
        let client = try await CoordinatorClient.connect(to: cluster.coordinator.serving[0])
        func code(_ request: AnswerRequest) async -> AnswerError.Code? {
            do {
                _ = try await collect(client.answer(request))
                return nil
            } catch {
                return (error as? AnswerError)?.code
            }
        }
        #expect(await code(AnswerRequest(id: "1", task: .prompt("a"))) == .unavailable)
        let engine = FakeEngine()
        cluster.coordinator.serve(with: engine)
        #expect(await code(AnswerRequest(id: "2", task: .prompt("lost"))) == .expertsLost)
        #expect(await code(AnswerRequest(id: "3", task: .prompt(String(repeating: "x", count: 70_000)))) == .invalidRequest)
        #expect(await code(AnswerRequest(id: "", task: .prompt("a"))) == .invalidRequest)
        #expect(await code(AnswerRequest(id: "4", task: .prompt("a"), deadlineMilliseconds: -1)) == .invalidRequest)
        let running = Task { try await collect(client.answer(AnswerRequest(id: "5", task: .prompt("wait")))) }
        try await eventually("one runs") { engine.gate.arrived == 1 }
        #expect(await code(AnswerRequest(id: "6", task: .prompt("a"))) == .overloaded)
        engine.gate.open()
        #expect(try await running.value.words == ["wait"])
        #expect(await code(AnswerRequest(id: "7", task: .prompt("forever"), deadlineMilliseconds: 100)) == .deadline)
        await client.close()
        await cluster.stop()
    }

    @Test func nobodyThereIsNoticed() async throws {
        let client = try await CoordinatorClient.connect(to: .ipc(path: "/tmp/medmoe-nobody-\(getpid())")) {
            $0.beat = .milliseconds(50)
        }
        let error = await #expect(throws: AnswerError.self) {
            try await collect(client.answer(AnswerRequest(id: "r", task: .prompt("a"))))
        }
        #expect(error?.code == .unavailable)
        await #expect(throws: AnswerError.self) { try await client.status() }
        await client.close()
        await #expect(throws: AnswerError.self) { try await collect(client.answer(AnswerRequest(id: "r", task: .prompt("a")))) }
    }

    @Test func aCoordinatorThatEndsOrIsReplacedFailsWhatRuns() async throws {
        let folder = try temporaryFolder()
        let endpoint = try folder.endpoint("clients")
        let first = try await TestCluster.start { $0.serve = [endpoint] }
        first.coordinator.serve(with: FakeEngine())
        let client = try await CoordinatorClient.connect(to: endpoint)
        let running = Task { try await collect(client.answer(AnswerRequest(id: "r", task: .prompt("a forever")))) }
        try await eventually("it runs") { await first.coordinator.status()?.runningRequests == 1 }
        await first.stop()
        let error = await #expect(throws: AnswerError.self) { try await running.value }
        #expect(error?.code == .unavailable)
        // The same client, the same address, another coordinator.
        let second = try await TestCluster.start { $0.serve = [endpoint] }
        second.coordinator.serve(with: FakeEngine())
        #expect(try await collect(client.answer(AnswerRequest(id: "s", task: .prompt("hello")))).words == ["hello"])
        await client.close()
        await second.stop()
        folder.removeWithSockets()
    }

    @Test func aBusyAddressIsATypedError() async throws {
        let cluster = try await TestCluster.start(ipc: true)
        await #expect(throws: SocketError.addressInUse(cluster.coordinator.listening[0].description, holder: getpid())) {
            try await TestCluster.start(at: cluster.coordinator.listening[0])
        }
        await cluster.stop()
    }
}
