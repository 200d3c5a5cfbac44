import Foundation
import ModelFixtures
import Testing

@testable import MedMoE

extension InferenceEngine {
    /// Why a request was not answered; an issue when it was.
    fileprivate func refusal(_ request: AnswerRequest) async -> AnswerError? {
        await #expect(throws: AnswerError.self) { try await self.finished(request) }
    }
}

@Suite struct LaneTests {
    /// Requests of different lengths.
    private func requests(_ fixture: ModelFixture, count: Int) throws -> [AnswerRequest] {
        let questions = ["Where?", "Is the heart enlarged, or is it not?", "What organ is shown here, and from which side?"]
        return try (0..<count).map { index in
            AnswerRequest(
                id: "\(index)", task: .conversation([.init(.user, questions[index % 3])]),
                images: index % 4 == 3 ? [] : [try fixture.imageBytes(index % 2)], maximumTokens: 3 + index % 5)
        }
    }

    @Test(arguments: [1, 2, 3], [1, 2] as [UInt64])
    func tokensAndLogitsDoNotDependOnTheLaneOrTheDelays(lanes: Int, seed: UInt64) async throws {
        for fixture in [ModelFixture.stableLM, .stableLMTop2] {
            let asked = try requests(fixture, count: 9)
            let alone = try fixture.engine(threads: 1)
            let expected = LogitLog()
            await alone.record(into: expected)
            var tokens: [String: [Int]] = [:]
            for request in asked { tokens[request.id] = try await alone.finished(request).summary.tokenIDs }

            let scripted = try await ScriptedEngine(
                checkpoint: fixture.checkpoint.path, script: .init(delay: 2), seed: seed, lanes: lanes, rowsPerStep: 48 + Int(seed))
            let log = LogitLog()
            await scripted.engine.record(into: log)
            try await withThrowingTaskGroup(of: (String, [Int]).self) { group in
                for request in asked { group.addTask { (request.id, try await scripted.engine.finished(request).summary.tokenIDs) } }
                for try await (id, found) in group { #expect(found == tokens[id]) }
            }
            for request in asked {
                #expect(log.bits(request.id) == expected.bits(request.id), "request \(request.id)")
                #expect(!log.bits(request.id).isEmpty)
            }
        }
    }

    @Test func aRequestWhoseExpertIsMissingWaitsAloneWhileTheOthersAreAnswered() async throws {
        let (needs, other, expert) = try await ScriptedEngine.needing()
        let expected = try await ModelFixture.stableLM.engine().finished(needs).summary
        let scripted = try await ScriptedEngine(script: .init(missing: [expert]))
        let engine = scripted.engine
        let stuck = Task { try await engine.finished(needs).summary }
        #expect(await eventually { await engine.stalls.now == 1 })
        // Twice as many as may run: the stalled one takes nobody's place for long.
        for index in 0..<32 {
            var request = other
            request.id = "other-\(index)"
            _ = try await engine.finished(request)
        }
        // The one that came later and needs the expert ends up beside it.
        var later = needs
        later.id = "later"
        let alsoStuck = Task { [later] in try await engine.finished(later).summary }
        #expect(await eventually { await engine.stalls.now == 2 })
        #expect(await engine.load.running == 2)
        _ = try await engine.finished(other)
        try scripted.dispatch.change { $0.missing = [] }
        for task in [stuck, alsoStuck] {
            let summary = try await task.value
            #expect(summary.tokenIDs == expected.tokenIDs)
            #expect(summary.routing == expected.routing)
            #expect(!summary.degraded)
        }
        #expect(await engine.stalls.now == 0)
        #expect(await engine.load.running == 0)
    }

    @Test func asManyStalledRequestsAsMayRunKeepNobodyOut() async throws {
        let (needs, other, expert) = try await ScriptedEngine.needing()
        let scripted = try await ScriptedEngine(script: .init(missing: [expert]), maximumRunning: 2)
        let engine = scripted.engine
        let stuck = (0..<2).map { index in
            var request = needs
            request.id = "stuck-\(index)"
            return Task { [request] in try await engine.finished(request).summary }
        }
        #expect(await eventually { await engine.stalls.now == 2 })
        _ = try await engine.finished(other)
        try scripted.dispatch.change { $0.missing = [] }
        for task in stuck { _ = try await task.value }
    }

    @Test func expertsThatComeAndGoChangeNoTokenAndLoseNoRequest() async throws {
        let fixture = ModelFixture.stableLM
        let asked = try requests(fixture, count: 12)
        let alone = try fixture.engine(threads: 1)
        let expected = LogitLog()
        await alone.record(into: expected)
        for request in asked { _ = try await alone.finished(request) }
        let scripted = try await ScriptedEngine(script: .init(delay: 1), lanes: 2)
        let (engine, dispatch) = (scripted.engine, try scripted.dispatch)
        let log = LogitLog()
        await engine.record(into: log)
        let flapping = Task {
            var random = SeededRandom(seed: 9)
            while !Task.isCancelled {
                let expert = ExpertAddress(layer: [0, 2].randomElement(using: &random) ?? 0, expert: Int.random(in: 0..<4, using: &random))
                dispatch.change { $0.missing = [expert] }
                try? await Task.sleep(for: .milliseconds(25))
                dispatch.change { $0.missing = [] }
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for request in asked { group.addTask { _ = try await engine.finished(request) } }
            try await group.waitForAll()
        }
        flapping.cancel()
        for request in asked { #expect(log.bits(request.id) == expected.bits(request.id)) }
        #expect(await engine.stalls.total > 0)
        #expect(await engine.load.running == 0)
    }

    @Test func cancellingAStalledRequestEndsItsTicketAtOnce() async throws {
        let (needs, other, expert) = try await ScriptedEngine.needing()
        let scripted = try await ScriptedEngine(script: .init(missing: [expert]))
        let (engine, dispatch) = (scripted.engine, try scripted.dispatch)
        let stuck = Task { try await engine.finished(needs) }
        #expect(await eventually { dispatch.waiting == 1 })
        stuck.cancel()
        #expect(await eventually { await engine.load.running == 0 && dispatch.waiting == 0 })
        #expect(dispatch.cancelled == 1)
        #expect(await engine.load.cacheBytes == 0)
        _ = try await engine.finished(other)
    }

    @Test func aStalledRequestEndsAtItsOwnDeadlineWithTheNamesOfTheExperts() async throws {
        let (needs, other, expert) = try await ScriptedEngine.needing()
        let scripted = try await ScriptedEngine(script: .init(missing: [expert]))
        let engine = scripted.engine
        var hurried = needs
        hurried.id = "hurried"
        // Long enough to be parked before it, however busy the machine is.
        hurried.deadlineMilliseconds = 3000
        let patient = Task { try await engine.finished(needs).summary }
        #expect(await eventually { await engine.stalls.now == 1 })
        let error = await engine.refusal(hurried)
        #expect(error?.code == .expertsLost)
        #expect(error?.reason.contains("expert \(expert.expert)") == true)
        #expect(await engine.load.running == 1)
        _ = try await engine.finished(other)
        try scripted.dispatch.change { $0.missing = [] }
        _ = try await patient.value
    }

    @Test func expertsLostBeforeTheDeadlineFailOnlyWhoeverNeedsThem() async throws {
        let (needs, other, expert) = try await ScriptedEngine.needing()
        let scripted = try await ScriptedEngine(script: .init(missing: [expert], failsAtOnce: true, delay: 1))
        let engine = scripted.engine
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    var request = index % 2 == 0 ? needs : other
                    request.id = "\(index)"
                    guard index % 2 == 0 else {
                        _ = try await engine.finished(request)
                        return
                    }
                    let error = await engine.refusal(request)
                    #expect(error?.code == .expertsLost)
                }
            }
            try await group.waitForAll()
        }
        #expect(await engine.stalls.total == 0)
    }

    @Test func aStepThatIsRefusedAsOverloadedIsTriedAgain() async throws {
        let request = try ModelFixture.stableLM.request(0)
        let expected = try await ModelFixture.stableLM.engine().finished(request).summary
        let scripted = try await ScriptedEngine(script: .init(overloaded: 3))
        #expect(try await scripted.engine.finished(request).summary.tokenIDs == expected.tokenIDs)
    }

    @Test func overloadUntilTheDeadlineIsRefusedWithAdviceToAskAgain() async throws {
        var request = try ModelFixture.stableLM.request(0)
        request.deadlineMilliseconds = 3000
        let scripted = try await ScriptedEngine(script: .init(overloaded: .max))
        let error = await scripted.engine.refusal(request)
        #expect(error?.code == .overloaded)
        #expect(error?.retryAfter != nil)
        // A pause grows: the dispatch is not asked in a loop.
        #expect(try scripted.dispatch.tickets < 10)
    }

    @Test func aWaitingRequestIsRefusedAtItsDeadlineEvenWhileAStepHangs() async throws {
        let needs = try ModelFixture.stableLM.request(0)
        // Nothing is reported and nothing comes back: the one place is taken for long.
        let engine = try ModelFixture.stableLM.engine(maximumRunning: 1, dispatch: { _ in HangingDispatch() })
        let hanging = Task { try await engine.finished(needs) }
        #expect(await eventually { await engine.load.running == 1 })
        var hurried = needs
        hurried.id = "hurried"
        hurried.deadlineMilliseconds = 100
        let error = await engine.refusal(hurried)
        #expect(error?.code == .deadline)
        #expect(await engine.load.running == 1)
        hanging.cancel()
        #expect(await eventually { await engine.load.running == 0 })
    }

    @Test func aDispatchThatForgetsADeadlineHoldsNoRequestForEver() async throws {
        let engine = try ModelFixture.stableLM.engine(dispatch: { _ in HangingDispatch() })
        var request = try ModelFixture.stableLM.request(0)
        request.deadlineMilliseconds = 100
        let error = await engine.refusal(request)
        #expect(error?.code == .deadline)
        #expect(await engine.load.running == 0)
    }

    @Test func aRefusalForOverloadSaysWhenToAskAgain() async throws {
        let engine = try ModelFixture.stableLM.engine(maximumRunning: 1, maximumWaiting: 0, dispatch: { _ in HangingDispatch() })
        let hanging = Task { try await engine.finished(try ModelFixture.stableLM.request(0)) }
        #expect(await eventually { await engine.load.running == 1 })
        let error = await engine.refusal(try ModelFixture.stableLM.request(1, id: "2"))
        #expect(error?.code == .overloaded)
        #expect(error?.retryAfter == FinishRate.unknown)
        hanging.cancel()
    }
}

/// Experts that never answer, whatever the deadline, until nobody wants the answer.
private struct HangingDispatch: ExpertDispatch {
    struct Ticket: DispatchTicket {
        let given = AsyncStream<Void>.makeStream()
        func results() async throws -> [TileResult] {
            for await _ in given.stream {}
            throw DispatchError.cancelled
        }
        func cancel() { given.continuation.finish() }
    }

    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket { Ticket() }
}
