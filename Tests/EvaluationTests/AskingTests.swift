import Datasets
import Foundation
import MedMoE
import Synchronization
import Testing

@testable import Evaluation

/// An engine that answers what its table says, with the slow ones last.
private final class TableEngine: AnswerEngine {
    let answers: [String: String]
    let seen = Mutex([AnswerRequest]())
    let mostAtOnce = Mutex((now: 0, most: 0))

    init(_ answers: [String: String]) { self.answers = answers }

    func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            seen.withLock { $0.append(request) }
            mostAtOnce.withLock { ($0.now, $0.most) = ($0.now + 1, max($0.most, $0.now + 1)) }
            Task {
                for _ in 0..<50 { await Task.yield() }
                mostAtOnce.withLock { $0.now -= 1 }
                guard case .conversation(let turns) = request.task, let question = turns.last?.text, let text = answers[question] else {
                    return continuation.finish(throwing: AnswerError(.contextLength, "the prompt is too long"))
                }
                continuation.yield(
                    .done(AnswerSummary(answer: text, tokenIDs: [1], promptTokens: 1, finish: .end, modelDigest: "d", routing: [], timings: .init())))
                continuation.finish()
            }
        }
    }
}

/// An engine that answers the newest of three questions first.
private final class BackwardsEngine: AnswerEngine {
    private let total: Int
    private let state = Mutex((seen: 0, pending: [@Sendable () -> Void]()))

    init(total: Int) { self.total = total }

    func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            guard case .conversation(let turns) = request.task, let question = turns.last?.text else { return continuation.finish() }
            let summary = AnswerSummary(
                answer: "to \(question)", tokenIDs: [], promptTokens: 1, finish: .end, modelDigest: "d", routing: [], timings: .init())
            let ready = state.withLock { state -> [@Sendable () -> Void] in
                state.seen += 1
                state.pending.append {
                    continuation.yield(.done(summary))
                    continuation.finish()
                }
                if state.seen == total {
                    defer { state.pending = [] }
                    return state.pending.reversed()
                }
                return state.pending.count == 3 ? [state.pending.removeLast()] : []
            }
            for finish in ready { finish() }
        }
    }
}

@Suite struct AskingTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "asking-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data([7]).write(to: URL(filePath: folder + "/x.png"))
    }

    private func evaluation(_ engine: TableEngine) -> ModelEvaluation {
        ModelEvaluation(questioner: Questioner(engine: engine, concurrency: 3), images: ImageFolder(path: folder))
    }

    @Test func answersComeBackInTheOrderOfTheQuestionsAndAreScored() async throws {
        let questions = (0..<20).map { Fixture.conversation("q\($0)", "a\($0)", .open, entry: $0) }
        let engine = TableEngine(Dictionary(uniqueKeysWithValues: (0..<20).map { ("q\($0)", $0 < 15 ? " a\($0) " : "x") }))
        let count = Mutex(0)
        let outcome = try await evaluation(engine).run(name: "set", conversations: questions) { count.withLock { $0 += 1 } }
        #expect(outcome.answers.map(\.prediction) == (0..<20).map { $0 < 15 ? "a\($0)" : "x" })
        #expect(outcome.report.overall.openRecall?.value == 75)
        #expect(count.withLock { $0 } == 20)
        #expect(engine.mostAtOnce.withLock { $0.most } == 3)
        #expect(engine.seen.withLock { $0.allSatisfy { $0.images == [[7]] && $0.maximumTokens == 16 && $0.sampling.temperature == 0 } })
    }

    @Test func anEngineThatAnswersInAnotherOrderChangesNothing() async throws {
        let items = (0..<10).map { Questioner.Item(name: "\($0)", task: .conversation([.init(.user, "q\($0)")]), image: nil) }
        let summaries = try await Questioner(engine: BackwardsEngine(total: 10), concurrency: 3).ask(items, maximumTokens: 1)
        #expect(summaries.map(\.answer) == (0..<10).map { "to q\($0)" })
    }

    @Test func earlierTurnsAreHistoryAndTheLastOneIsAsked() async throws {
        var conversation = Fixture.conversation("first", "one", .closed)
        conversation.turns.append(.init(question: "second", answer: "two"))
        let engine = TableEngine(["second": "two"])
        let outcome = try await evaluation(engine).run(name: "set", conversations: [conversation])
        #expect(outcome.report.overall.closedAccuracy?.value == 100)
        let tasks = engine.seen.withLock { $0.map(\.task) }
        // What was said before is what the file says, not what this model said.
        #expect(tasks == [.conversation([.init(.user, "first"), .init(.assistant, "one"), .init(.user, "second")])])
    }

    @Test func recordsSayWhatWasAskedExpectedAnsweredAndThatItIsDegraded() async throws {
        let questions = [Fixture.conversation("q0", "Left lung", .open, modality: "CT"), Fixture.conversation("q1", "Yes", .closed, entry: 1)]
        var outcome = try await evaluation(TableEngine(["q0": "lung", "q1": "yes"])).run(name: "set", conversations: questions)
        outcome.summaries[1].degraded = true
        let records = PredictionRecord.all(of: outcome)
        #expect(records.map(\.question) == ["q0", "q1"] && records.map(\.reference) == ["Left lung", "Yes"] && records.map(\.text) == ["lung", "yes"])
        #expect(records.map(\.recall) == [0.5, nil] && records.map(\.correct) == [nil, true] && records.map(\.degraded) == [nil, true])
        #expect(records.map(\.tokenIDs) == [[1], [1]] && records.map(\.dataset) == ["set", "set"])
    }

    @Test func aQuestionWithoutAnAnswerEndsTheEvaluationWithItsName() async throws {
        let questions = (0..<5).map { Fixture.conversation("q\($0)", "a", .open, entry: $0) }
        let engine = TableEngine(["q0": "a", "q1": "a", "q2": "a", "q4": "a"])
        await #expect { try await evaluation(engine).run(name: "set", conversations: questions) } throws: { error in
            "\(error)".contains("set, entry 3") && "\(error)".contains("too long")
        }
        var untyped = questions[0]
        untyped.answerType = nil
        await #expect(throws: EvaluationError.self) { try await evaluation(engine).run(name: "set", conversations: [untyped]) }
        var imageless = questions[0]
        imageless.image = "none.png"
        await #expect { try await evaluation(engine).run(name: "set", conversations: [imageless]) } throws: { "\($0)".contains("none.png") }
    }
}
