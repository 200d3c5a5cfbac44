import Checkpoints
import Foundation
import ModelFixtures
import Synchronization
import Tensors
import Testing

@testable import MedMoE

@Suite struct EngineTests {
    @Test(arguments: ModelFixture.allCases, [0, 1])
    func anAnswerIsTheGreedyContinuation(fixture: ModelFixture, prompt: Int) async throws {
        let (summary, streamed) = try await fixture.engine().finished(try fixture.request(prompt))
        let expected = try fixture.manifest().prompts[prompt]
        // Generation ends at the end token, which the golden path ignores.
        let end = expected.greedyTokens.firstIndex(of: 0) ?? expected.greedyTokens.count
        #expect(summary.tokenIDs == Array(expected.greedyTokens[..<end]))
        #expect(summary.finish == (end == 12 ? .length : .end))
        #expect(summary.answer == expected.greedyText.trimmingCharacters(in: .whitespaces) || end < 12)
        #expect(summary.answer.hasPrefix(streamed.trimmingCharacters(in: .whitespaces)) || streamed.hasPrefix(summary.answer))
        #expect(!summary.degraded)
    }

    @Test(arguments: ModelFixture.allCases)
    func neighboursInTheBatchChangeNoToken(fixture: ModelFixture) async throws {
        let engine = try fixture.engine(rowsPerStep: 64)
        let alone = try await engine.finished(try fixture.request(0, tokens: 24)).summary
        let questions = ["Where?", "Is the heart enlarged, or is it not?", "What organ is shown here, and from which side?"]
        try await withThrowingTaskGroup(of: AnswerSummary?.self) { group in
            group.addTask { try await engine.finished(try fixture.request(0, id: "same", tokens: 24)).summary }
            for index in 0..<15 {
                group.addTask {
                    let request = AnswerRequest(
                        id: "other-\(index)", task: .conversation([.init(.user, questions[index % 3])]),
                        images: [try fixture.imageBytes(index % 2)], maximumTokens: 5 + index)
                    _ = try await engine.finished(request)
                    return nil
                }
            }
            for try await summary in group {
                guard let summary else { continue }
                #expect(summary.tokenIDs == alone.tokenIDs)
                #expect(summary.routing == alone.routing)
            }
        }
    }

    @Test func aRequestsRoutingCountsItsOwnRowsOnly() async throws {
        let engine = try ModelFixture.stableLM.engine()
        try await withThrowingTaskGroup(of: AnswerSummary.self) { group in
            for index in 0..<6 {
                group.addTask { try await engine.finished(try ModelFixture.stableLM.request(index % 2, id: "\(index)", tokens: 3)).summary }
            }
            for try await summary in group {
                let fed = summary.promptTokens + max(0, summary.tokenIDs.count - 1)
                for layer in [0, 2] {
                    let rows = summary.routing.filter { $0.layer == layer }.reduce(0) { $0 + $1.tokens }
                    // The last token is chosen, but not fed again.
                    #expect(rows == fed)
                }
            }
        }
    }

    @Test func endingTheIterationFreesTheCache() async throws {
        let engine = try ModelFixture.stableLM.engine()
        let request = AnswerRequest(id: "long", task: .conversation([.init(.user, "Tell.")]), maximumTokens: 400)
        for try await _ in engine.answer(request) { break }
        #expect(await eventually { await engine.load.running == 0 })
        #expect(await engine.load.cacheBytes == 0)
        // And the engine goes on.
        #expect(try await engine.finished(try ModelFixture.stableLM.request(0)).summary.tokenIDs.count > 0)
    }

    @Test func askingAgainWithTheSameIdRightAfterGivingUpIsAnswered() async throws {
        let engine = try ModelFixture.stableLM.engine()
        let expected = try await engine.finished(try ModelFixture.stableLM.request(0)).summary.tokenIDs
        for _ in 0..<30 {
            let first = AnswerRequest(id: "same", task: .conversation([.init(.user, "Tell.")]), maximumTokens: 400)
            for try await _ in engine.answer(first) { break }
            #expect(try await engine.finished(try ModelFixture.stableLM.request(0, id: "same")).summary.tokenIDs == expected)
        }
    }

    @Test func aRequestOutOfTimeFailsAndOthersGoOn() async throws {
        let engine = try ModelFixture.stableLM.engine()
        var hurried = try ModelFixture.stableLM.request(0, id: "hurried", tokens: 300)
        hurried.deadlineMilliseconds = 1
        await #expect(throws: AnswerError.self) { try await engine.finished(hurried) }
        #expect(try await engine.finished(try ModelFixture.stableLM.request(1)).summary.tokenIDs.count > 0)
    }

    @Test func oneRequestTooManyIsRefusedAsOverloaded() async throws {
        // Nothing ever comes back from the experts, so requests pile up: some run, some wait, the rest is refused.
        let small = try ModelFixture.stableLM.engine(maximumRunning: 1, maximumWaiting: 2, dispatch: { _ in NeverDispatch() })
        let codes = try await withThrowingTaskGroup(of: AnswerError.Code?.self) { group in
            for index in 0..<8 {
                group.addTask {
                    var request = try ModelFixture.stableLM.request(0, id: "\(index)")
                    request.deadlineMilliseconds = 2000
                    do {
                        _ = try await small.finished(request)
                        return nil
                    } catch let error as AnswerError {
                        return error.code
                    }
                }
            }
            return try await group.reduce(into: [AnswerError.Code?]()) { $0.append($1) }
        }
        #expect(codes.filter { $0 == .overloaded }.count >= 4)
        #expect(!codes.contains(nil))
    }

    @Test func givingUpARequestThatWaitsForExpertsLetsTheOthersGoOn() async throws {
        let fixture = ModelFixture.stableLM
        let folder = try CheckpointFolder(path: fixture.checkpoint.path)
        let bank = try ExpertBank(source: folder.model, configuration: MedMoEModel(folder: folder).configuration)
        let engine = try fixture.engine(dispatch: { FirstStuckDispatch(LocalExpertDispatch(bank: bank, context: $0)) })
        let expected = try await fixture.engine().finished(try fixture.request(1)).summary.tokenIDs
        let stuck = Task { try await engine.finished(try fixture.request(0, id: "stuck")) }
        #expect(await eventually { await engine.load.running == 1 })
        let other = Task { try await engine.finished(try fixture.request(1, id: "other")).summary }
        #expect(await eventually { await engine.load.waiting == 1 })
        stuck.cancel()
        #expect(try await other.value.tokenIDs == expected)
        #expect(await engine.load.running == 0)
    }

    @Test func lostExpertsEndARequestAtItsDeadlineWithTheirNames() async throws {
        let engine = try ModelFixture.stableLM.engine(dispatch: { _ in LostDispatch() })
        var request = try ModelFixture.stableLM.request(0)
        request.deadlineMilliseconds = 300
        let error = await #expect(throws: AnswerError.self) { try await engine.finished(request) }
        #expect(error?.code == .expertsLost)
        #expect(error?.reason.contains("expert 3") == true)
    }

    @Test func labelScoresAreTheLogProbabilitiesOfTheirTokens() async throws {
        let fixture = ModelFixture.phi
        let engine = try fixture.engine()
        let labels = ["yes", "no", "chest x-ray"]
        let question = "Is there evidence of pleural effusion?"
        let request = AnswerRequest(
            id: "c", task: .classify([.init(.user, question)], labels: labels), images: [try fixture.imageBytes(0)])
        let summary = try await engine.finished(request).summary
        #expect(summary.finish == .classified)
        #expect(summary.labelLogProbabilities.map(\.label) == labels)
        // The same numbers from whole forward passes over prompt and label.
        let system = "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions."
        for score in summary.labelLogProbabilities {
            let tokens = engine.model.tokenizer.encode(" " + score.label) + [engine.model.configuration.endTokenID]
            let trace = try await engine.trace(
                prompt: "\(system) USER: <image>\n\(question) ASSISTANT: \(score.label)", images: [try fixture.imageBytes(0)], maximumTokens: 0)
            let logits = try #require(trace.tensors["logits"])
            let (rows, vocabulary) = (logits.shape[1], logits.shape[2])
            let values = try logits.floats()
            var sum = 0.0
            for (offset, token) in tokens.enumerated() {
                let first = (rows - tokens.count + offset) * vocabulary
                let row = Array(values[first..<first + vocabulary])
                sum += Double(row[token]) - row.withUnsafeBufferPointer(logSumExp)
            }
            #expect(abs(sum - score.logProbability) < 1e-4, "\(score.label)")
            #expect(score.tokens == tokens.count)
        }
    }

    @Test func stopStringsEndAnAnswerAndAreNotPartOfIt() async throws {
        let fixture = ModelFixture.phi
        var request = try fixture.request(1)
        let whole = try await fixture.engine().finished(request).summary
        #expect(whole.answer.contains("chest"))
        request.stopStrings = ["chest"]
        let (summary, streamed) = try await fixture.engine().finished(request)
        #expect(summary.finish == .stop)
        #expect(!summary.answer.contains("chest") && whole.answer.hasPrefix(summary.answer))
        #expect(streamed.hasPrefix(summary.answer))
    }

    @Test func theSameSeedGivesTheSameAnswer() async throws {
        let engine = try ModelFixture.stableLM.engine()
        func sample(_ seed: UInt64) async throws -> [Int] {
            var request = try ModelFixture.stableLM.request(0, id: UUID().uuidString, tokens: 20)
            request.sampling = .init(temperature: 1.5, topP: 0.95, topK: 50, seed: seed)
            return try await engine.finished(request).summary.tokenIDs
        }
        let first = try await sample(1)
        let (again, other) = (try await sample(1), try await sample(2))
        #expect(again == first)
        #expect(other != first)
    }

    @Test func requestsThatMakeNoPromptAreRefusedWithTheReason() async throws {
        let fixture = ModelFixture.stableLM
        let engine = try fixture.engine()
        let image = try fixture.imageBytes(0)
        func refusal(_ task: AnswerRequest.Task, images: [[UInt8]] = [], tokens: Int = 5) async -> AnswerError? {
            await #expect(throws: AnswerError.self) {
                try await engine.finished(AnswerRequest(id: UUID().uuidString, task: task, images: images, maximumTokens: tokens))
            }
        }
        #expect(await refusal(.conversation([.init(.user, "   ")]))?.code == .invalidRequest)
        #expect(await refusal(.conversation([.init(.user, "<image>\nWhat?")]))?.code == .invalidRequest)
        #expect(await refusal(.conversation([.init(.user, "<image> What?")]), images: [image, image])?.code == .invalidRequest)
        #expect(await refusal(.conversation([]))?.code == .invalidRequest)
        #expect(await refusal(.prompt(""))?.code == .invalidRequest)
        #expect(await refusal(.conversation([.init(.user, "What?")]), tokens: 0)?.code == .invalidRequest)
        #expect(await refusal(.conversation([.init(.user, "What?")]), images: [[1, 2, 3]])?.code == .invalidImage)
        #expect(await refusal(.conversation([.init(.user, String(repeating: "why ", count: 2000))]))?.code == .contextLength)
    }

    @Test func anAnswerThatReachesTheContextEndsThere() async throws {
        let engine = try ModelFixture.stableLM.engine()
        let request = AnswerRequest(
            id: "full", task: .prompt(String(repeating: "the chest ", count: 60)), maximumTokens: 10_000)
        let summary = try await engine.finished(request).summary
        #expect(summary.promptTokens + summary.tokenIDs.count <= engine.model.configuration.contextLength)
        #expect(summary.finish == .length || summary.finish == .end)
    }

    @Test func severalImagesAndTurnsMakeOnePrompt() async throws {
        let fixture = ModelFixture.stableLM
        let engine = try fixture.engine()
        let request = AnswerRequest(
            id: "two", task: .conversation([.init(.user, "<image>\n<image>\nWhich?"), .init(.assistant, "Both."), .init(.user, "Why?")]),
            images: [try fixture.imageBytes(0), try fixture.imageBytes(1)], maximumTokens: 3)
        let summary = try await engine.finished(request).summary
        #expect(summary.promptTokens > 2 * engine.model.rowsPerImage)
    }
}

/// Experts that never answer.
private struct NeverDispatch: ExpertDispatch {
    struct Ticket: DispatchTicket {
        let deadline: ContinuousClock.Instant
        func results() async throws -> [TileResult] {
            try await Task.sleep(until: deadline)
            throw DispatchError.deadline([ExpertAddress(layer: 0, expert: 0)])
        }
        func cancel() {}
    }

    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket { Ticket(deadline: deadline) }
}

/// Experts whose first answer never comes, until nobody wants it any more.
private final class FirstStuckDispatch: ExpertDispatch {
    private struct Stuck: DispatchTicket {
        let given = AsyncStream<Void>.makeStream()
        func results() async throws -> [TileResult] {
            for await _ in given.stream {}
            throw DispatchError.cancelled
        }
        func cancel() { given.continuation.finish() }
    }

    private let others: any ExpertDispatch
    private let isFirst = Mutex(true)

    init(_ others: any ExpertDispatch) { self.others = others }

    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket {
        let first = isFirst.withLock { value in
            defer { value = false }
            return value
        }
        return first ? Stuck() : others.submit(tiles, deadline: deadline)
    }
}

/// Experts that nobody holds.
private struct LostDispatch: ExpertDispatch {
    struct Ticket: DispatchTicket {
        let deadline: ContinuousClock.Instant
        func results() async throws -> [TileResult] {
            try await Task.sleep(until: deadline)
            throw DispatchError.expertsLost([ExpertAddress(layer: 0, expert: 3)])
        }
        func cancel() {}
    }

    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket { Ticket(deadline: deadline) }
}
