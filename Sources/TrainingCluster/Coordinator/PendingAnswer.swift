import Training
import Wire

/// The answer to a call, when it comes.
public final class PendingAnswer: Sendable {
    private let pending = Pending<TrainerResult>()

    init() {}

    /// Waits without holding a thread.
    ///
    /// - Throws: `TrainerLost` when the session is over; `TrainerFailure` when this call failed; `CancellationError` when the
    ///   port was stopped or this task was cancelled. The call is carried out all the same.
    public func result() async throws -> TrainerResult { try await pending.value() }

    /// Blocks the calling thread, which must be one that may: never one of Swift's cooperative pool.
    ///
    /// - Throws: `TrainerLost`, `TrainerFailure`, or `CancellationError` when the port was stopped.
    public func wait() throws -> TrainerResult { try pending.wait() }

    /// The first end counts.
    func finish(_ result: Result<TrainerResult, CallFailure>) { pending.finish(result.mapError(\.error)) }
}
