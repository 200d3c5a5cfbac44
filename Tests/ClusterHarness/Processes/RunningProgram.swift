/// A process that was started, and what keeps the other processes of its test alive.
package struct RunningProgram: Sendable {
    package let process: ChildProcess
    package let group: ProcessGroup
    /// Where it runs; nil for the machine itself.
    package let host: TestHost?

    package var processID: Int32 { process.processID }
    package var output: String { process.output }
    package var errors: String { process.errors }
    /// How it ended; nil while it runs.
    package var end: ProcessEnd? { process.end }

    package func signal(_ number: Int32) { process.signal(number) }

    /// Ends it at once, and waits for that.
    package func kill() { process.kill() }

    /// Waits for its end.
    ///
    /// - Throws: `TooLate`, with what it printed, after killing it at the deadline.
    package func outcome(within limit: Duration) async throws -> ProgramOutcome {
        do {
            try await eventually(within: limit, "medmoe \(process.arguments.joined(separator: " ")) ends") { process.end != nil }
        } catch is TooLate {
            process.kill()
            throw TooLate(description: "still running after \(limit), so killed: \(process.result)")
        }
        return process.result
    }
}

/// Polls until `condition` holds.
///
/// - Throws: `TooLate` at the deadline; what `condition` throws.
package func eventually(
    within limit: Duration, every pause: Duration = .milliseconds(10), _ what: String, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now.advanced(by: limit)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TooLate(description: "not within \(limit): \(what)") }
        try await Task.sleep(for: pause)
    }
}
