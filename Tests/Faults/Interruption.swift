import ArgumentParser
import ClusterHarness

/// Runs `body` until its end or a signal, which ends the command with status 130.
func cancelledBySignals(_ body: @escaping @Sendable () async throws -> Void) async throws {
    do {
        try await interruptedBySignals(body)
    } catch is Interrupted {
        throw ExitCode(130)
    }
}
