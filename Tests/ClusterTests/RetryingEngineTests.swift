import MedMoE
import Synchronization
import Testing

@testable import Cluster

/// Answers each attempt as a script says: some tokens, then an end.
private final class ScriptedEngine: AnswerEngine {
    struct Attempt: Sendable {
        var tokens: [Int]
        var error: AnswerError?
    }

    private let script: [Attempt]
    let requests = Mutex<[AnswerRequest]>([])

    init(_ script: [Attempt]) { self.script = script }

    func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        let attempt = requests.withLock { requests in
            requests.append(request)
            return script[min(requests.count, script.count) - 1]
        }
        return AsyncThrowingStream { continuation in
            for id in attempt.tokens { continuation.yield(.token(id: id, text: "\(id) ")) }
            if attempt.error == nil { continuation.yield(.done(.sample("", attempt.tokens))) }
            continuation.finish(throwing: attempt.error)
        }
    }
}

@Suite struct RetryingEngineTests {
    private let gone = AnswerError(.unavailable, "nobody there")

    private func retrying(_ engine: ScriptedEngine) -> RetryingEngine {
        var configuration = RetrySchedule.Configuration()
        configuration.first = .milliseconds(1)
        configuration.longest = .milliseconds(4)
        return RetryingEngine(engine, configuration: configuration)
    }

    private func request(milliseconds: Int = 20_000) -> AnswerRequest {
        AnswerRequest(id: "r", task: .prompt("?"), deadlineMilliseconds: milliseconds)
    }

    @Test func aCoordinatorThatComesBackCostsAPauseAndNoTokenTwice() async throws {
        let engine = ScriptedEngine([
            .init(tokens: [5, 6], error: gone), .init(tokens: [], error: gone), .init(tokens: [5], error: gone),
            .init(tokens: [5, 6, 7, 8]),
        ])
        let (words, summary) = try await collect(retrying(engine).answer(request()))
        #expect(words == ["5 ", "6 ", "7 ", "8 "] && summary?.tokenIDs == [5, 6, 7, 8])
        let asked = engine.requests.withLock { $0 }
        #expect(asked.count == 4 && Set(asked.map(\.id)) == ["r"])
        // A retry has less time than the attempt before it.
        #expect(asked.map(\.deadlineMilliseconds).max() ?? 0 <= 20_000)
        #expect(asked.last.map { $0.deadlineMilliseconds < 20_000 } == true)
    }

    @Test func anotherAnswerTheSecondTimeIsAnError() async throws {
        let engine = ScriptedEngine([.init(tokens: [5, 6], error: gone), .init(tokens: [5, 9])])
        let error = await #expect(throws: AnswerError.self) { try await collect(retrying(engine).answer(request())) }
        #expect(error?.code == .protocolViolation && error?.reason.contains("token 2 was 6 and is 9") == true)
    }

    @Test(arguments: [AnswerError.Code.invalidRequest, .invalidImage, .contextLength, .expertsLost, .deadline, .cancelled, .protocolViolation, .unauthorized, .internal])
    func whatWouldHappenAgainIsNotTriedAgain(code: AnswerError.Code) async throws {
        let engine = ScriptedEngine([.init(tokens: [], error: AnswerError(code, "no"))])
        let error = await #expect(throws: AnswerError.self) { try await collect(retrying(engine).answer(request())) }
        #expect(error?.code == code && engine.requests.withLock { $0.count } == 1)
    }

    @Test func theDeadlineEndsTheAskingWithTheLastReason() async throws {
        let engine = ScriptedEngine([.init(tokens: [], error: gone)])
        let error = await #expect(throws: AnswerError.self) { try await collect(retrying(engine).answer(request(milliseconds: 60))) }
        #expect(error == gone)
    }

    @Test func adviceBeyondTheDeadlineFailsAtOnce() async throws {
        let engine = ScriptedEngine([.init(tokens: [], error: AnswerError(.overloaded, "full", retryAfter: .seconds(30)))])
        let error = await #expect(throws: AnswerError.self) { try await collect(retrying(engine).answer(request())) }
        #expect(error?.code == .overloaded && engine.requests.withLock { $0.count } == 1)
    }

    @Test func cancellingEndsTheAsking() async throws {
        let engine = ScriptedEngine([.init(tokens: [1], error: gone)])
        var seen = 0
        for try await _ in retrying(engine).answer(request()) {
            seen += 1
            break
        }
        #expect(seen == 1)
        var before = -1
        // Nobody asks any more once the pause that was under way is over.
        try await eventually("it stops") {
            defer { before = engine.requests.withLock { $0.count } }
            try await Task.sleep(for: .milliseconds(20))
            return before == engine.requests.withLock { $0.count }
        }
    }

    @Test func pausesGrowToTheLongestAndAdviceIsHonoured() {
        var configuration = RetrySchedule.Configuration()
        configuration.jitter = { 0 }
        var schedule = RetrySchedule(configuration)
        let pauses = (0..<6).map { _ in schedule.pause(after: gone, left: .seconds(100)) }
        #expect(pauses == [.milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600), .seconds(2), .seconds(2)])
        #expect(schedule.pause(after: AnswerError(.overloaded, "", retryAfter: .seconds(7)), left: .seconds(100)) == .seconds(7))
        schedule.reset()
        #expect(schedule.pause(after: gone, left: .seconds(100)) == .milliseconds(200))
        configuration.jitter = { 1 }
        schedule = RetrySchedule(configuration)
        #expect(schedule.pause(after: gone, left: .seconds(100)) == .milliseconds(100))
        #expect(schedule.pause(after: AnswerError(.overloaded, "", retryAfter: .seconds(8)), left: .seconds(100)) == .seconds(10))
    }
}
