import Foundation
import MedMoE
import Testing
import Wire

@testable import Cluster

@Suite struct ClientSessionsTests {
    private let a = PeerIdentity([1])
    private let b = PeerIdentity([2])

    @Test func tokensAndTheAnswerGoToTheAsker() throws {
        var bench = SessionBench()
        bench.ask("r", from: a)
        let run = try #require(bench.started.first?.run)
        bench.handle(.token(run, id: 5, text: "he"))
        bench.handle(.token(run, id: 6, text: "llo"))
        bench.handle(.ended(run, .success(.sample("hello", [5, 6]))))
        #expect(bench.tokens(to: a).map(\.first) == [0, 1])
        let done = try #require(bench.done(to: a).first)
        #expect(AnswerSummary(done) == .sample("hello", [5, 6]))
        #expect(bench.machine.runs.isEmpty && bench.machine.peers.isEmpty && bench.machine.load == (0, 0))
    }

    @Test func theSameIdAgainJoinsAndGetsEverythingFromTheBeginning() throws {
        var bench = SessionBench()
        bench.ask("r", from: a)
        let run = try #require(bench.started.first?.run)
        bench.handle(.token(run, id: 5, text: "he"))
        bench.ask("r", from: b, milliseconds: 3000)
        #expect(bench.started.count == 1)
        #expect(bench.tokens(to: b).flatMap(\.tokens) == [.init(id: 5, text: "he")])
        bench.handle(.token(run, id: 6, text: "llo"))
        // The first asker goes; the second still waits.
        bench.handle(.message(a, .cancel(request: "r")))
        #expect(bench.cancelled.isEmpty)
        bench.handle(.ended(run, .success(.sample("hello", [5, 6]))))
        #expect(bench.tokens(to: b).flatMap(\.tokens).map(\.id) == [5, 6])
        #expect(bench.done(to: b).count == 1 && bench.done(to: a).isEmpty)
    }

    @Test func anotherQuestionUnderARunningIdIsRefused() {
        var bench = SessionBench()
        bench.ask("r", from: a, prompt: "one")
        bench.ask("r", from: b, prompt: "two")
        #expect(bench.refusals(to: b).map(\.code) == ["invalid_request"])
    }

    @Test func vanishedClientsCancelTheirRequests() throws {
        var bench = SessionBench()
        bench.ask("r", from: a)
        bench.ask("s", from: b)
        bench.advance(.milliseconds(100))
        #expect(bench.sent.contains { if $0.peer == a, case .probe = $0.reply { true } else { false } })
        bench.handle(.unreachable(a))
        #expect(bench.cancelled == [bench.started[0].run])
        // The place is free only when the engine is finished with it.
        #expect(bench.machine.load.running == 2)
        bench.handle(.ended(bench.started[0].run, .failure(AnswerError(.cancelled, ""))))
        #expect(bench.machine.load.running == 1)
        // Silence ends the other.
        for _ in 0..<30 { bench.advance(.milliseconds(100)) }
        #expect(bench.cancelled.count == 2)
        #expect(bench.machine.runs.isEmpty && bench.machine.peers.isEmpty)
    }

    @Test func beatsKeepAClientAndTellItWhatIsUnknown() {
        var bench = SessionBench()
        bench.ask("r", from: a)
        for _ in 0..<5 {
            bench.advance(.seconds(1))
            bench.handle(.message(a, .beat(requests: ["r", "lost"])))
        }
        #expect(bench.cancelled.isEmpty)
        #expect(bench.refusals(to: a).map(\.request) == Array(repeating: "lost", count: 5))
        #expect(bench.refusals(to: a).allSatisfy { $0.code == "unavailable" })
    }

    @Test func moreThanFitsIsRefusedAndTheRestWaitsInOrder() {
        var bench = SessionBench {
            $0.mostRunning = 2
            $0.mostWaiting = 1
        }
        for id in ["1", "2", "3", "4"] { bench.ask(id, from: a) }
        #expect(bench.started.map(\.request.id) == ["1", "2"])
        #expect(bench.refusals(to: a).map(\.code) == ["overloaded"] && bench.refusals(to: a).map(\.request) == ["4"])
        bench.now = bench.now + .seconds(4)
        bench.handle(.ended(bench.started[0].run, .success(.sample("", []))))
        #expect(bench.started.map(\.request.id) == ["1", "2", "3"])
        // It waited four of its ten seconds.
        #expect(bench.started[2].request.deadlineMilliseconds == 6000)
    }

    @Test func imagesOfAllRequestsAreBounded() {
        var bench = SessionBench { $0.mostImageBytes = 100 }
        bench.ask("1", from: a, images: [[UInt8](repeating: 1, count: 60)])
        bench.ask("2", from: a, images: [[UInt8](repeating: 1, count: 60)])
        #expect(bench.refusals(to: a).map(\.code) == ["overloaded"])
        #expect(bench.started.first?.request.images == [[UInt8](repeating: 1, count: 60)])
    }

    @Test func deadlinesEndWaitingAndRunningRequests() {
        var bench = SessionBench { $0.mostRunning = 1 }
        bench.ask("1", from: a, milliseconds: 2000)
        bench.ask("2", from: a, milliseconds: 1000)
        bench.advance(.seconds(1))
        #expect(bench.refusals(to: a).map(\.request) == ["2"] && bench.refusals(to: a).map(\.code) == ["deadline"])
        // The engine has a moment to say what was missing.
        bench.handle(.message(a, .beat(requests: [])))
        bench.advance(.seconds(1))
        #expect(bench.refusals(to: a).count == 1)
        bench.advance(.seconds(1))
        #expect(bench.refusals(to: a).map(\.request) == ["2", "1"])
        #expect(bench.cancelled.count == 1)
    }

    @Test func engineErrorsKeepTheirCode() throws {
        var bench = SessionBench()
        bench.ask("r", from: a)
        let error = AnswerError(anything: DispatchError.expertsLost([ExpertAddress(layer: 0, expert: 2)]))
        bench.handle(.ended(try #require(bench.started.first?.run), .failure(error)))
        #expect(bench.refusals(to: a).first?.code == "experts_lost")
        #expect(bench.refusals(to: a).first?.reason.contains("expert 2") == true)
    }

    @Test func beforeOpeningAndAfterClosingRequestsAreRefused() {
        var bench = SessionBench(isOpen: false)
        bench.ask("r", from: a)
        #expect(bench.refusals(to: a).map(\.code) == ["unavailable"])
        bench.handle(.open)
        bench.ask("s", from: a)
        bench.handle(.close(reason: "going down"))
        #expect(bench.cancelled.count == 1)
        #expect(bench.refusals(to: a).map(\.reason).last == "going down")
        bench.ask("t", from: a)
        #expect(bench.refusals(to: a).count == 3)
    }

    @Test func garbageIsAnsweredOnlyToWhoSpeaksOurProtocol() {
        var bench = SessionBench()
        bench.handle(.malformed(a, .foreign("GET /")))
        #expect(bench.sent.isEmpty)
        bench.handle(.malformed(a, .version(theirs: 3)))
        #expect(bench.refusals(to: a).map(\.code) == ["protocol"] && bench.refusals(to: a).map(\.request) == [""])
    }

    /// Clients, engine and time at random: whoever asked and stayed gets exactly one end, and nothing is left over.
    @Test func inEveryHistoryEachAskerIsToldOnce() {
        for seed in 0..<200 {
            var random = Seeded(state: UInt64(seed))
            var bench = SessionBench {
                $0.mostRunning = 3
                $0.mostWaiting = 4
            }
            var inEngine: Set<RunID> = []
            var known = 0
            func engine() {
                for (run, _) in bench.started[known...] { inEngine.insert(run) }
                known = bench.started.count
            }
            for step in 0..<150 {
                let peer = PeerIdentity([UInt8.random(in: 1...5, using: &random)])
                let id = "\(Int.random(in: 0..<12, using: &random))"
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<4: bench.ask(id, from: peer, milliseconds: Int.random(in: 1...5000, using: &random))
                case 4: bench.handle(.message(peer, .cancel(request: id)))
                case 5: bench.handle(.unreachable(peer))
                case 6: if let run = inEngine.sorted(by: { $0.value < $1.value }).randomElement(using: &random) { bench.handle(.token(run, id: step, text: "")) }
                case 7:
                    if let run = inEngine.sorted(by: { $0.value < $1.value }).randomElement(using: &random) {
                        inEngine.remove(run)
                        bench.handle(.ended(run, .success(.sample("", []))))
                    }
                case 8: bench.handle(.message(peer, .beat(requests: [id])))
                default: bench.advance(.milliseconds(Int.random(in: 1...1500, using: &random)))
                }
                engine()
                #expect(bench.machine.load.running <= 3 && bench.machine.load.waiting <= 4)
                #expect(bench.machine.inEngine == inEngine)
                let listening = bench.machine.runs.values.reduce(0) { $0 + $1.listeners.count }
                #expect(listening == bench.machine.peers.values.reduce(0) { $0 + $1.requests.count })
                #expect(bench.machine.peers.values.allSatisfy { !$0.requests.isEmpty })
                #expect(bench.machine.requestOf.count == bench.machine.runs.count)
            }
            for _ in 0..<20 {
                for run in inEngine { bench.handle(.ended(run, .failure(AnswerError(.internal, "end")))) }
                inEngine = []
                engine()
            }
            #expect(bench.machine.runs.isEmpty && bench.machine.peers.isEmpty && bench.machine.load == (0, 0), "seed \(seed)")
            // An answer is told to each listener of its run once.
            let ends = bench.machine.counters
            #expect(bench.sent.filter { if case .done = $0.reply { true } else { false } }.count == Int(ends.done))
        }
    }
}

@Suite struct ClientMachineTests {
    private func ask(_ id: String, milliseconds: Int = 60_000) -> Ask {
        Ask(AnswerRequest(id: id, task: .prompt("?"), deadlineMilliseconds: milliseconds))
    }

    private func finishes(_ directives: [ClientMachine.Directive]) -> [UInt64: AnswerError?] {
        var all: [UInt64: AnswerError?] = [:]
        for case .finish(let question, let error) in directives { all[question] = .some(error) }
        return all
    }

    @Test func silenceOfThreeBeatsFailsAllQuestionsAndDropsTheConnection() {
        var machine = ClientMachine(.init(endpoint: "tcp://nowhere:1"))
        let start = Moment.now
        _ = machine.handle(.ask(1, ask("r")), now: start)
        #expect(finishes(machine.handle(.tick, now: start + .milliseconds(2999))).isEmpty)
        let directives = machine.handle(.tick, now: start + .seconds(3))
        #expect(finishes(directives)[1]??.code == .unavailable)
        #expect(directives.contains { if case .reopen = $0 { true } else { false } })
        #expect(machine.nextWake == nil)
        // The next question dials anew at once, whatever pause the connection is in.
        let next = machine.handle(.ask(2, ask("s")), now: start + .seconds(60))
        guard case .reopen? = next.first, case .ask(2, _)? = next.last else {
            Issue.record("\(next)")
            return
        }
        #expect(machine.handle(.message(.beat), now: start + .seconds(60)).isEmpty)
        #expect(machine.handle(.ask(3, ask("t")), now: start + .seconds(61)).count == 1)
    }

    @Test func anyMessageIsASignOfLife() {
        var machine = ClientMachine(.init(endpoint: "x"))
        let start = Moment.now
        _ = machine.handle(.ask(1, ask("r")), now: start)
        var beats = 0
        for second in 1...10 {
            for directive in machine.handle(.tick, now: start + .seconds(second)) {
                if case .send(.beat(let requests)) = directive, requests == ["r"] { beats += 1 }
            }
            _ = machine.handle(.message(.probe), now: start + .seconds(second))
        }
        #expect(beats == 10)
    }

    @Test func tokensOfAJoinedRequestAreNotToldTwiceAndGapsAreNoticed() {
        var machine = ClientMachine(.init(endpoint: "x"))
        let now = Moment.now
        func ids(_ directives: [ClientMachine.Directive], _ question: UInt64) -> [Int] {
            directives.compactMap { if case .yield(question, .token(let id, _)) = $0 { id } else { nil } }
        }
        _ = machine.handle(.ask(1, ask("r")), now: now)
        let first = machine.handle(.message(.tokens(Tokens(request: "r", first: 0, tokens: [.init(id: 7, text: "a")]))), now: now)
        #expect(ids(first, 1) == [7])
        _ = machine.handle(.ask(2, ask("r")), now: now)
        let second = machine.handle(
            .message(.tokens(Tokens(request: "r", first: 0, tokens: [.init(id: 7, text: "a"), .init(id: 8, text: "b")]))), now: now)
        #expect(ids(second, 1) == [8] && ids(second, 2) == [7, 8])
        let gap = machine.handle(.message(.tokens(Tokens(request: "r", first: 5, tokens: [.init(id: 9, text: "")]))), now: now)
        #expect(finishes(gap).values.allSatisfy { $0?.code == .protocolViolation } && finishes(gap).count == 2)
    }

    @Test func theLastOfTwoQuestionsWithOneIdCancels() {
        var machine = ClientMachine(.init(endpoint: "x"))
        let now = Moment.now
        _ = machine.handle(.ask(1, ask("r")), now: now)
        _ = machine.handle(.ask(2, ask("r")), now: now)
        #expect(machine.handle(.cancel(1), now: now).isEmpty)
        let last = machine.handle(.cancel(2), now: now)
        #expect(last.contains { if case .send(.cancel("r")) = $0 { true } else { false } })
    }

    @Test func refusalsKeepTheirCodeAndOnesWithoutIdConcernAll() {
        var machine = ClientMachine(.init(endpoint: "x"))
        let now = Moment.now
        for (question, id) in [(1, "a"), (2, "b"), (3, "c")] as [(UInt64, String)] { _ = machine.handle(.ask(question, ask(id)), now: now) }
        let one = machine.handle(.message(.refused(Refusal(request: "a", code: "experts_lost", reason: "gone"))), now: now)
        #expect(finishes(one) == [1: AnswerError(.expertsLost, "gone")])
        let rest = machine.handle(.message(.refused(Refusal(request: "", code: "novel", reason: "?"))), now: now)
        #expect(finishes(rest) == [2: AnswerError(.internal, "novel: ?"), 3: AnswerError(.internal, "novel: ?")])
    }

    @Test func aDeadlineThatTheCoordinatorForgotEndsTheQuestion() {
        var machine = ClientMachine(.init(endpoint: "x"))
        let start = Moment.now
        _ = machine.handle(.ask(1, ask("r", milliseconds: 1000)), now: start)
        var ended: AnswerError??
        for tenth in 1...70 where ended == nil {
            _ = machine.handle(.message(.beat), now: start + .milliseconds(tenth * 100))
            ended = finishes(machine.handle(.tick, now: start + .milliseconds(tenth * 100)))[1]
        }
        #expect(ended??.code == .deadline)
    }
}
