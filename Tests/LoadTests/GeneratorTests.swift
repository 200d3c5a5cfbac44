import MedMoE
import Synchronization
import Testing

@testable import Load

/// Answers as a script says, and remembers what it was asked.
final class ScriptedEngine: AnswerEngine {
    struct Asked: Sendable {
        var ids: [String] = []
        var running = 0
        var mostRunning = 0
    }

    let asked = Mutex(Asked())
    private let script: @Sendable (Int) async throws -> Int

    /// - Parameter script: what happens to the nth request, from 0; the number of its tokens.
    init(_ script: @escaping @Sendable (Int) async throws -> Int) { self.script = script }

    var count: Int { asked.withLock { $0.ids.count } }

    func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        let number = asked.withLock { asked in
            asked.ids.append(request.id)
            asked.running += 1
            asked.mostRunning = max(asked.mostRunning, asked.running)
            return asked.ids.count - 1
        }
        return AsyncThrowingStream { continuation in
            let work = Task {
                let result: Result<Int, any Error>
                do { result = .success(try await script(number)) } catch { result = .failure(error) }
                asked.withLock { $0.running -= 1 }
                switch result {
                case .success(let tokens):
                    for token in 0..<tokens { continuation.yield(.token(id: token, text: "x")) }
                    continuation.yield(.done(AnswerSummary(
                        answer: "", tokenIDs: Array(0..<tokens), promptTokens: 5, finish: .length, modelDigest: "",
                        routing: [.init(layer: 0, expert: 1, worker: "w", tokens: 4)], timings: .init())))
                    continuation.finish()
                case .failure(let error): continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { if case .cancelled = $0 { work.cancel() } }
        }
    }
}

@Suite struct GeneratorTests {
    private let mix = RequestMix(questions: .listed([.init(turns: [.init(.user, "?")], images: [])]))

    private func plan(_ pattern: LoadPattern, requests: Int? = nil, duration: Double? = nil, mostUnderWay: Int = 4096) -> LoadPlan {
        LoadPlan(pattern: pattern, extent: LoadExtent(duration: duration, requests: requests), mostUnderWay: mostUnderWay)
    }

    @Test("an open loop goes on asking while nothing is answered", .timeLimit(.minutes(1)))
    func openLoopDoesNotWait() async {
        // Nobody is answered before the twentieth has asked: a load that waits for answers would never end.
        let all = AsyncStream<Void>.makeStream()
        let engine = ScriptedEngine { number in
            if number == 19 { all.continuation.finish() }
            for await _ in all.stream {}
            return 2
        }
        let report = await LoadGenerator(plan: plan(.open(rate: 400), requests: 20), mix: mix, engines: [engine])()
        #expect(report.requests.answered == 20 && report.requests.measured == 20 && report.outputTokens == 40)
        #expect(engine.asked.withLock { $0.mostRunning } == 20)
        #expect(report.latencies.ttft.count == 20 && report.experts == [.init(name: "1", rows: 80, share: 1)])
        #expect((report.timeline.map(\.running).max() ?? 0) == 20)
    }

    @Test("a closed loop never has more under way than it may, and uses all of it")
    func closedLoopKeepsItsConcurrency() async {
        let engine = ScriptedEngine { _ in
            try await Task.sleep(for: .milliseconds(2))
            return 1
        }
        let report = await LoadGenerator(plan: plan(.closed(concurrency: 3), requests: 40), mix: mix, engines: [engine])()
        #expect(report.requests.answered == 40 && engine.count == 40)
        #expect(engine.asked.withLock { $0.mostRunning } == 3)
        #expect(report.latencies.e2eCorrected?.count ?? 0 >= 40)
    }

    @Test("requests are dealt to the engines in turn, each with an id of its own")
    func severalEngines() async {
        let engines = (0..<3).map { _ in ScriptedEngine { _ in 1 } }
        let report = await LoadGenerator(plan: plan(.open(rate: 2000), requests: 30), mix: mix, engines: engines)()
        #expect(engines.map(\.count) == [10, 10, 10] && report.plan.coordinators == 3)
        #expect(Set(engines.flatMap { $0.asked.withLock { $0.ids } }).count == 30)
    }

    @Test("a refusal is counted by its kind and not asked again")
    func refusals() async {
        let engine = ScriptedEngine { number in
            switch number % 4 {
            case 0: throw AnswerError(.overloaded, "full", retryAfter: .milliseconds(1))
            case 1: throw DispatchError.expertsLost([ExpertAddress(layer: 0, expert: 1)])
            default: return 1
            }
        }
        let report = await LoadGenerator(plan: plan(.open(rate: 2000), requests: 40), mix: mix, engines: [engine])()
        #expect(engine.count == 40)
        #expect(report.failures.map(\.kind) == ["experts_lost", "overloaded"] && report.failures.map(\.count) == [10, 10])
        #expect(report.requests.answered == 20 && report.goodput.share == 0.5)
    }

    @Test("what cannot be sent because too much is under way is left out and said", .timeLimit(.minutes(1)))
    func leavesOut() async {
        let all = AsyncStream<Void>.makeStream()
        let engine = ScriptedEngine { _ in
            for await _ in all.stream {}
            return 1
        }
        let counter = Counter()
        let load = LoadGenerator(plan: plan(.open(rate: 1000), requests: 50, mostUnderWay: 5), mix: mix, engines: [engine])
        // Everything that is due has been seen when 45 were left out.
        let report = await load(interval: 0.01, progress: { progress in
            if progress.failed == 45, counter.add(1) == 1 { all.continuation.finish() }
        })
        #expect(report.generator.omitted == 45 && report.requests.answered == 5 && report.requests.measured == 50)
        #expect(!report.generator.keptItsPlan && engine.count == 5)
    }

    @Test("a load that is stopped reports what was, and cancels what runs")
    func stopping() async {
        let engine = ScriptedEngine { number in
            if number >= 3 { try await Task.sleep(for: .seconds(1000)) }
            return 1
        }
        let load = LoadGenerator(plan: plan(.closed(concurrency: 2), duration: 1000), mix: mix, engines: [engine])
        let boundaries = Mutex<[LoadBoundary]>([])
        let running = Task { await load(interval: 0.01) { boundary in boundaries.withLock { $0.append(boundary) } } }
        while engine.count < 5 { await Task.yield() }
        running.cancel()
        let report = await running.value
        #expect(report.endedEarly && report.requests.answered == 3 && report.requests.abandoned == 2 && report.requests.failed == 0)
        #expect(boundaries.withLock { $0 } == [.begin, .end])
    }

    @Test("an answer without its end is a failure")
    func noEnd() async {
        struct Silent: AnswerEngine {
            func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> { AsyncThrowingStream { $0.finish() } }
        }
        let report = await LoadGenerator(plan: plan(.closed(concurrency: 1), requests: 2), mix: mix, engines: [Silent()])()
        #expect(report.failures.map(\.kind) == ["protocol"] && report.requests.failed == 2)
    }
}
