import MedMoE
import Testing
import Wire

@testable import Cluster

@Suite struct ClientDrainTests {
    private let a = PeerIdentity([1])
    private let b = PeerIdentity([2])

    @Test func drainingFinishesWhatRunsAndWaitsAndRefusesTheRest() throws {
        var bench = SessionBench { $0.mostRunning = 1 }
        bench.ask("1", from: a)
        bench.ask("2", from: a)
        bench.handle(.drain(reason: "the coordinator is shutting down", until: bench.now + .seconds(30)))
        #expect(bench.machine.isDraining && bench.drained == 0)
        bench.ask("3", from: b)
        #expect(bench.refusals(to: b).map(\.code) == ["unavailable"])
        #expect(bench.refusals(to: b).map(\.retryAfterMilliseconds) == [1000])
        #expect(bench.refusals(to: b).first?.reason.contains("shutting down") == true)
        // Who lost sight of a request that is still there may have it.
        bench.ask("1", from: b)
        bench.handle(.ended(bench.started[0].run, .success(.sample("", []))))
        #expect(bench.done(to: a).count == 1 && bench.done(to: b).count == 1)
        #expect(bench.started.map(\.request.id) == ["1", "2"] && bench.drained == 0)
        bench.handle(.ended(bench.started[1].run, .success(.sample("", []))))
        #expect(bench.done(to: a).count == 2 && bench.drained == 1)
        #expect(bench.machine.nextWake == nil)
    }

    @Test func whatIsUnfinishedAtTheEndOfTheDrainIsUnavailable() throws {
        var bench = SessionBench { $0.mostRunning = 1 }
        bench.ask("1", from: a, milliseconds: 60_000)
        bench.ask("2", from: a, milliseconds: 60_000)
        bench.handle(.drain(reason: "going", until: bench.now + .seconds(2)))
        bench.advance(.milliseconds(1999))
        #expect(bench.refusals(to: a).isEmpty && bench.drained == 0)
        #expect(bench.machine.nextWake.map { $0 <= bench.now + .milliseconds(1) } == true)
        bench.advance(.milliseconds(1))
        #expect(bench.refusals(to: a).map(\.code) == ["unavailable", "unavailable"] && bench.cancelled == [bench.started[0].run])
        #expect(bench.drained == 1)
        bench.handle(.ended(bench.started[0].run, .failure(AnswerError(.cancelled, ""))))
        bench.advance(.seconds(10))
        #expect(bench.drained == 1 && bench.refusals(to: a).count == 2)
    }

    @Test func anIdleCoordinatorIsDrainedAtOnce() {
        var bench = SessionBench()
        bench.handle(.drain(reason: "going", until: bench.now + .seconds(30)))
        #expect(bench.drained == 1)
    }
}

@Suite struct RetryAdviceTests {
    private let a = PeerIdentity([1])

    /// Two run and ten wait; requests end one per so much time.
    private func advice(oneEndsEvery pause: Duration, ends: Int = 8) throws -> Int? {
        var bench = SessionBench {
            $0.mostRunning = 2
            $0.mostWaiting = 10
        }
        var next = 0
        func fill() { while bench.machine.load.running + bench.machine.load.waiting < 12 { bench.ask("\(next)", from: a, milliseconds: 3_600_000); next += 1 } }
        for index in 0..<ends {
            fill()
            bench.now = bench.now + pause
            bench.handle(.ended(bench.started[index].run, .success(.sample("", []))))
        }
        fill()
        bench.ask("one too many", from: a)
        let refusal = try #require(bench.refusals(to: a).last)
        #expect(refusal.code == "overloaded")
        return refusal.retryAfterMilliseconds
    }

    @Test func adviceFollowsThePaceOfEndingRequests() throws {
        #expect(try advice(oneEndsEvery: .seconds(1)) == 5500)
        #expect(try advice(oneEndsEvery: .milliseconds(200)) == 1100)
        // Bounded on both sides, and something even when nothing is known.
        #expect(try advice(oneEndsEvery: .milliseconds(1)) == 100)
        #expect(try advice(oneEndsEvery: .seconds(15)) == 30_000)
        #expect(try advice(oneEndsEvery: .seconds(1), ends: 0) == 1000)
    }

    @Test func theEnginesAdviceIsPassedOn() throws {
        var bench = SessionBench()
        bench.ask("r", from: a)
        let error = AnswerError(.overloaded, "too many tiles", retryAfter: .milliseconds(350))
        bench.handle(.ended(try #require(bench.started.first?.run), .failure(error)))
        #expect(bench.refusals(to: a).map(\.retryAfterMilliseconds) == [350])
        bench.ask("s", from: a)
        bench.handle(.ended(bench.started[1].run, .failure(AnswerError(.internal, "broken"))))
        #expect(bench.refusals(to: a).last?.retryAfterMilliseconds == .some(nil))
    }
}

@Suite struct ClientAssignmentTests {
    private let a = PeerIdentity([1])
    private let b = PeerIdentity([2])

    private func replies(_ bench: SessionBench, to peer: PeerIdentity) -> [AssignReply] {
        bench.sent.compactMap { if $0.peer == peer, case .assigned(let reply) = $0.reply { reply } else { nil } }
    }

    @Test func anAssignmentIsPassedOnAndItsEndGoesToWhoAsked() throws {
        var bench = SessionBench()
        bench.handle(.message(a, .assign(AssignExperts(inquiry: 5, worker: "w", add: [1], drop: [2]))))
        bench.handle(.message(b, .assign(AssignExperts(inquiry: 5, worker: "v", add: [], drop: [3]))))
        #expect(bench.assigned.map(\.assign.worker) == ["w", "v"])
        bench.handle(.assigned(bench.assigned[1].id, failure: "it would hold nothing", experts: [3]))
        bench.handle(.assigned(bench.assigned[0].id, failure: nil, experts: [0, 1]))
        bench.handle(.assigned(bench.assigned[0].id, failure: nil, experts: [0, 1]))
        #expect(replies(bench, to: a) == [AssignReply(inquiry: 5, failure: nil, experts: [0, 1])])
        #expect(replies(bench, to: b) == [AssignReply(inquiry: 5, failure: "it would hold nothing", experts: [3])])
    }

    @Test func assignmentsAreBoundedAndEndWithTheCoordinator() {
        var bench = SessionBench { $0.mostAssignments = 1 }
        bench.handle(.message(a, .assign(AssignExperts(inquiry: 1, worker: "w", add: [1], drop: []))))
        bench.handle(.message(a, .assign(AssignExperts(inquiry: 2, worker: "w", add: [1], drop: []))))
        #expect(bench.assigned.count == 1 && replies(bench, to: a).map(\.inquiry) == [2])
        bench.handle(.close(reason: "going down"))
        #expect(replies(bench, to: a).map(\.failure).last == "going down")
    }

    @Test func theClientBeatsWhileItWaitsAndGivesUpAtItsTimeout() {
        var machine = ClientMachine(.init(endpoint: "x"))
        let start = Moment.now
        let assign = AssignExperts(inquiry: 3, worker: "w", add: [1], drop: [])
        _ = machine.handle(.assign(assign, timeout: .seconds(10)), now: start)
        var beats = 0
        var ended: Result<AssignReply, AnswerError>?
        for second in 1...10 {
            for directive in machine.handle(.tick, now: start + .seconds(second)) {
                if case .send(.beat(let requests)) = directive, requests.isEmpty { beats += 1 }
                if case .assigned(3, let result) = directive { ended = result }
            }
            _ = machine.handle(.message(.beat), now: start + .seconds(second))
        }
        #expect(beats == 9)
        #expect(throws: AnswerError.self) { try ended?.get() }
        #expect(ended != nil && machine.nextWake == nil)
        _ = machine.handle(.assign(assign, timeout: .seconds(10)), now: start + .seconds(20))
        let reply = AssignReply(inquiry: 3, failure: nil, experts: [1])
        let directives = machine.handle(.message(.assigned(reply)), now: start + .seconds(21))
        guard case .assigned(3, .success(reply))? = directives.first else {
            Issue.record("\(directives)")
            return
        }
    }
}
