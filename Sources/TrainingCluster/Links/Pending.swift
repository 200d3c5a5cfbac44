import Dispatch
import Synchronization

/// A value that will be there later, for tasks and for threads that may block.
final class Pending<Value: Sendable>: Sendable {
    private enum Waiter {
        case task(CheckedContinuation<Result<Value, any Error>, Never>)
        case thread(DispatchSemaphore)
    }

    private struct State {
        var result: Result<Value, any Error>?
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        /// Waiters that were cancelled before they came to wait.
        var cancelled: Set<UInt64> = []

        mutating func number() -> UInt64 {
            defer { nextWaiter += 1 }
            return nextWaiter
        }
    }

    private let state = Mutex(State())

    /// The first end counts.
    func finish(_ result: Result<Value, any Error>) {
        let waiters = state.withLock { state -> [Waiter] in
            guard state.result == nil else { return [] }
            state.result = result
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters {
            switch waiter {
            case .task(let continuation): continuation.resume(returning: result)
            case .thread(let semaphore): semaphore.signal()
            }
        }
    }

    /// Waits without holding a thread. A task that is cancelled meanwhile throws `CancellationError`; others go on waiting.
    func value() async throws -> Value {
        let waiter = state.withLock { $0.number() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let result = state.withLock { state -> Result<Value, any Error>? in
                    if let result = state.result { return result }
                    if state.cancelled.remove(waiter) != nil { return .failure(CancellationError()) }
                    state.waiters[waiter] = .task(continuation)
                    return nil
                }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            cancel(waiter)
        }
        return try result.get()
    }

    /// Blocks the calling thread until the value is there.
    func wait() throws -> Value {
        let semaphore = DispatchSemaphore(value: 0)
        let result = state.withLock { state -> Result<Value, any Error>? in
            if state.result == nil { state.waiters[state.number()] = .thread(semaphore) }
            return state.result
        }
        if let result { return try result.get() }
        semaphore.wait()
        guard let result = state.withLock({ $0.result }) else { throw CancellationError() }
        return try result.get()
    }

    private func cancel(_ waiter: UInt64) {
        let waiting = state.withLock { state -> Waiter? in
            guard state.result == nil else { return nil }
            guard let waiting = state.waiters.removeValue(forKey: waiter) else {
                state.cancelled.insert(waiter)
                return nil
            }
            return waiting
        }
        if case .task(let continuation) = waiting { continuation.resume(returning: .failure(CancellationError())) }
    }
}
