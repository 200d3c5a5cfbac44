import Synchronization
import Testing
import Wire

@testable import TrainingCluster

@Suite struct PendingTests {
    @Test func tasksAndThreadsThatWaitAllHearTheFirstEnd() async throws {
        let pending = Pending<Int>()
        let heard = Mutex<[Int]>([])
        let threads = Pending<Void>()
        try DedicatedThread.run(name: "waiter") {
            let value = (try? pending.wait()) ?? -1
            heard.withLock { $0.append(value) }
            threads.finish(.success(()))
        }
        let tasks = (0..<2).map { _ in Task { try await pending.value() } }
        try await Task.sleep(for: .milliseconds(5))
        pending.finish(.success(3))
        pending.finish(.success(4))
        for task in tasks { #expect(try await task.value == 3) }
        try await threads.value()
        #expect(heard.withLock { $0 } == [3])
        #expect(try await pending.value() == 3)
        #expect(try pending.wait() == 3)
    }

    @Test func aCancelledTaskStopsWaitingAndOthersGoOn() async throws {
        let pending = Pending<Int>()
        let waiting = Task { try await pending.value() }
        let other = Task { try await pending.value() }
        try await Task.sleep(for: .milliseconds(5))
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await pending.value()
        }
        await #expect(throws: CancellationError.self) { try await early.value }
        pending.finish(.success(5))
        #expect(try await other.value == 5)
    }
}
