/// A process that was started, and what keeps the other processes of its test alive.
struct RunningProgram: Sendable {
    let process: ChildProcess
    let group: ProcessGroup

    var output: String { process.output }
    var errors: String { process.errors }
    /// How it ended; nil while it runs.
    var end: ProcessEnd? { process.end }

    func signal(_ number: Int32) { process.signal(number) }

    /// Ends it at once, and waits for that.
    func kill() { process.kill() }

    /// Waits for its end.
    ///
    /// - Throws: `TooLate`, with what it printed, after killing it at the deadline.
    func outcome(within limit: Duration) async throws -> ProgramOutcome {
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
func eventually(
    within limit: Duration, every pause: Duration = .milliseconds(10), _ what: String, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now.advanced(by: limit)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TooLate(description: "not within \(limit): \(what)") }
        try await Task.sleep(for: pause)
    }
}
