import Dispatch
import Glibc

/// SIGTERM and Ctrl-C, turned into something that can be awaited.
enum TerminationSignal {
    /// Returns at the first such signal. A second one ends the process at once, as it always does.
    static func wait() async {
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
            continuation.onTermination = { _ in sources.forEach { $0.cancel() } }
        }
        for await _ in signals { return }
    }

    /// Runs `body` in a task that such a signal cancels.
    ///
    /// - Throws: `CancellationError` after a signal, else what `body` throws.
    static func cancelling(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let work = Task { try await body() }
        let watcher = Task {
            await wait()
            if !Task.isCancelled { work.cancel() }
        }
        defer { watcher.cancel() }
        try await work.value
        if work.isCancelled { throw CancellationError() }
    }
}
