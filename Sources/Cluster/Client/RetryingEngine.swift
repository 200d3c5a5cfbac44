import MedMoE

/// Asks again when a coordinator is away for a while or has too much to do, until the request's own deadline.
///
/// Tokens that were passed on already are not passed on again: the same request gives the same tokens. An asker sees
/// nothing of a coordinator that is killed and restarted but a pause.
public struct RetryingEngine: AnswerEngine {
    private let engine: any AnswerEngine
    private let configuration: RetrySchedule.Configuration

    public init(_ engine: any AnswerEngine, configuration: RetrySchedule.Configuration = .init()) {
        self.engine = engine
        self.configuration = configuration
    }

    public func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            let work = Task {
                do {
                    try await answer(request) { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { if case .cancelled = $0 { work.cancel() } }
        }
    }

    private func answer(_ request: AnswerRequest, _ pass: (AnswerEvent) -> Void) async throws {
        let deadline = ContinuousClock.now + .milliseconds(request.deadlineMilliseconds)
        var schedule = RetrySchedule(configuration)
        var passed: [Int] = []
        while true {
            var attempt = request
            attempt.deadlineMilliseconds = max(1, Int(ContinuousClock.now.duration(to: deadline) / .milliseconds(1)))
            var seen = 0
            do {
                for try await event in engine.answer(attempt) {
                    guard case .token(let id, _) = event else {
                        pass(event)
                        continue
                    }
                    seen += 1
                    if seen > passed.count {
                        passed.append(id)
                        pass(event)
                        schedule.reset()
                    } else if passed[seen - 1] != id {
                        throw AnswerError(
                            .protocolViolation, "asked again, the coordinator gave another answer: token \(seen) was \(passed[seen - 1]) and is \(id) now; is it another model?")
                    }
                }
                return
            } catch let error as AnswerError {
                guard let pause = schedule.pause(after: error, left: ContinuousClock.now.duration(to: deadline)) else { throw error }
                try await Task.sleep(for: pause)
            }
        }
    }
}

/// When to ask again.
public struct RetrySchedule: Sendable {
    public struct Configuration: Sendable {
        /// The first pause; it doubles up to the longest, unless the other side says how long it wants.
        public var first: Duration = .milliseconds(200)
        public var longest: Duration = .seconds(2)
        /// A number from 0 to 1 that spreads those who were refused together.
        public var jitter: @Sendable () -> Double = { .random(in: 0...1) }

        public init() {}
    }

    private let configuration: Configuration
    private var next: Duration

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        next = configuration.first
    }

    /// The pause before asking again, or nil when asking again is of no use.
    ///
    /// - Parameter left: time to the deadline.
    public mutating func pause(after error: AnswerError, left: Duration) -> Duration? {
        guard error.code == .unavailable || error.code == .overloaded else { return nil }
        let pause: Duration
        if let advice = error.retryAfter {
            // Not before: up to a quarter later.
            pause = advice * (1 + configuration.jitter() / 4)
        } else {
            pause = next * (1 - configuration.jitter() / 2)
            next = min(next * 2, configuration.longest)
        }
        return pause < left ? pause : nil
    }

    /// Something went well: the next pause is a short one again.
    public mutating func reset() { next = configuration.first }
}
