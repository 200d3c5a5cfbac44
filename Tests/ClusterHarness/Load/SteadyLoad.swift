import Cluster
import MedMoE
import Synchronization
import Wire

/// Askers that put one question after the other to a coordinator, until they are told to stop.
package final class SteadyLoad: Sendable {
    /// What has happened so far.
    package struct Progress: Sendable {
        package var asked = 0
        package var tokens = 0
        package var answers: [AnsweredQuestion] = []
    }

    private let questions: [Question]
    private let deadline: Duration
    private let client: CoordinatorClient
    private let engine: RetryingEngine
    private let start = ContinuousClock.now
    private let progressing = Mutex(Progress())
    private let stopping = Atomic(false)
    private let askers = Mutex<[Task<Void, Never>]>([])
    /// Unique among the requests of all loads.
    private let prefix: String

    /// Starts asking.
    ///
    /// - Parameters:
    ///   - questions: asked in turn, again and again
    ///   - askers: how many questions are under way at the same time
    ///   - deadline: of each request
    package init(
        _ questions: [Question], at serving: String, askers: Int = 8, deadline: Duration = .seconds(60),
        most: Int = .max
    ) async throws {
        self.questions = questions
        self.deadline = deadline
        client = try await CoordinatorClient.connect(to: Endpoint(serving, for: .connect))
        // As the program's own commands do.
        engine = RetryingEngine(client)
        prefix = "load-\(UInt64.random(in: 0...UInt64.max))"
        self.askers.withLock { tasks in
            tasks = (0..<askers).map { _ in Task { await self.askInTurn(most) } }
        }
    }

    package var progress: Progress { progressing.withLock { $0 } }

    /// Waits until everything that was asked has ended; asks nothing more.
    package func stop() async -> LoadOutcome {
        stopping.store(true, ordering: .relaxed)
        return await finish()
    }

    /// Waits for the end of a load that ends by itself.
    package func finish() async -> LoadOutcome {
        for task in askers.withLock({ $0 }) { await task.value }
        await client.close()
        return LoadOutcome(answers: progress.answers, lasted: start.duration(to: .now))
    }

    /// Waits until the progress is as wished.
    package func waitUntil(_ what: String, within limit: Duration, _ condition: (Progress) -> Bool) async throws {
        try await eventually(within: limit, every: .milliseconds(2), what) { condition(progress) }
    }

    private func askInTurn(_ most: Int) async {
        while !stopping.load(ordering: .relaxed), !Task.isCancelled {
            let number = progressing.withLock { progress -> Int in
                progress.asked += 1
                return progress.asked - 1
            }
            guard number < most else { return }
            let answer = await ask(number)
            progressing.withLock { $0.answers.append(answer) }
            // A cluster that refuses at once should not be asked a thousand times a second.
            if answer.failure != nil { try? await Task.sleep(for: .milliseconds(100)) }
        }
    }

    private func ask(_ number: Int) async -> AnsweredQuestion {
        let question = number % questions.count
        let asked = ContinuousClock.now
        var answer = AnsweredQuestion(question: question, asked: start.duration(to: asked))
        var last = asked
        var isDone = false
        func heard() {
            let now = ContinuousClock.now
            answer.longestSilence = max(answer.longestSilence, last.duration(to: now))
            last = now
        }
        do {
            for try await event in engine.answer(questions[question].request(id: "\(prefix)-\(number)", deadline: deadline)) {
                heard()
                switch event {
                case .token(let id, _):
                    answer.tokens.append(id)
                    progressing.withLock { $0.tokens += 1 }
                case .done(let summary):
                    isDone = true
                    answer.tokens = summary.tokenIDs
                    answer.degraded = summary.degraded
                    for entry in summary.routing { answer.rows[entry.expert, default: 0] += entry.tokens }
                }
            }
            if !isDone { answer.failure = "the answer has no end" }
        } catch {
            heard()
            answer.failure = "\(error)"
        }
        answer.ended = start.duration(to: last)
        return answer
    }
}
