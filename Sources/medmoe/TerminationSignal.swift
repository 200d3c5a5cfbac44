import ArgumentParser
import Dispatch
import Glibc

/// SIGTERM and Ctrl-C, turned into something that can be awaited.
enum TerminationSignal {
    /// Returns the first such signal, or nil when the task is cancelled before. A second one ends the process at once, as
    /// it always does.
    @discardableResult
    static func wait() async -> Int32? {
        let signals = AsyncStream<Int32> { continuation in
            // Dispatch sources may be cancelled from any thread.
            nonisolated(unsafe) let sources = [SIGTERM, SIGINT].map { number in
                // The default action must not come before the handler.
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler {
                    signal(number, SIG_DFL)
                    continuation.yield(number)
                }
                source.resume()
                return source
            }
            continuation.onTermination = { _ in
                sources.forEach { $0.cancel() }
                // Nobody waits any longer: cleaning up must not be deaf to a signal.
                [SIGTERM, SIGINT].forEach { signal($0, SIG_DFL) }
            }
        }
        for await number in signals { return number }
        return nil
    }

    /// Runs `body` in a task that such a signal cancels, so that it can still say goodbye to whoever works for it.
    ///
    /// - Throws: `ExitCode` 128 + signal (130 for Ctrl-C, as shells have it) when a signal stopped `body`, else what `body`
    ///   throws.
    static func cancelling(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let work = Task { try await body() }
        let watcher = Task { () -> Int32? in
            guard let number = await wait() else { return nil }
            work.cancel()
            return number
        }
        let result = await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
        watcher.cancel()
        let stoppedBy = await watcher.value
        if case .failure = result, let stoppedBy { throw ExitCode(128 + stoppedBy) }
        try result.get()
    }
}
