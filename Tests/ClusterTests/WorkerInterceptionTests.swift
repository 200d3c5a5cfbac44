import MedMoE
import Synchronization
import Testing
import Wire

@testable import Cluster

@Suite struct WorkerInterceptionTests {
    private let all = addresses(layers: 0..<2, experts: [0, 1])

    @Test func aWorkerThatAnswersTwiceIsCaughtAtTheSecondReply() async throws {
        let cluster = try await TestCluster.start()
        var configuration = WorkerEndpoint.Configuration(name: "w", coordinators: cluster.coordinator.listening)
        final class Shared: Sendable { let tiles = Mutex(0) }
        let shared = Shared()
        configuration.interception = WorkerInterception(
            received: { message in
                if case .tile = message { shared.tiles.withLock { $0 += 1 } }
                return message
            },
            sending: { message in if case .tileDone = message { [message, message] } else { [message] } })
        let worker = try await WorkerEndpoint.start(configuration, computing: FakeBank(holdings: try holdings(all)), logger: quiet)
        try await cluster.covered()
        let wanted = try tile(0, 1, rows: 3)
        let results = try await cluster.coordinator.dispatch.submit([wanted], deadline: .now + .seconds(10)).results()
        #expect(try numbers(results[0].rows) == numbers(expected(wanted)))
        try await eventually("the second reply is counted") {
            await cluster.coordinator.status()?.dispatch.counters.duplicateReplies == 1
        }
        #expect(shared.tiles.withLock { $0 } == 1)
        await worker.stop()
        await cluster.stop()
    }
}
