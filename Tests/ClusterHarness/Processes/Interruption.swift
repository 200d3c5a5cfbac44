import Dispatch
import Glibc

/// Ctrl-C or SIGTERM came.
package struct Interrupted: Error {}

/// Runs `body` in a task that Ctrl-C and SIGTERM cancel, so that no process of a cluster stays behind.
///
/// - Throws: `Interrupted` after a signal; else what `body` throws.
package func interruptedBySignals(_ body: @escaping @Sendable () async throws -> Void) async throws {
    let work = Task { try await body() }
    let sources = [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { work.cancel() }
        source.resume()
        return source
    }
    defer { sources.forEach { $0.cancel() } }
    do {
        try await work.value
    } catch where work.isCancelled {
        throw Interrupted()
    }
    if work.isCancelled { throw Interrupted() }
}
