import Tensors
import Testing
import Wire

@testable import TrainingCluster

/// A trainer's machine, and what it says.
private struct Bench {
    var machine: TrainerMachine
    var now = Moment.now

    init(change: (inout TrainerMachine.Configuration) -> Void = { _ in }) {
        var configuration = TrainerMachine.Configuration(hello: TrainerHello(incarnation: .random(), name: "t"))
        change(&configuration)
        machine = TrainerMachine(configuration, now: now)
        _ = handle(.start)
    }

    mutating func handle(_ event: TrainerMachine.Event) -> [String] {
        machine.handle(event, now: now).map(Self.text)
    }

    mutating func call(_ number: UInt64, of session: UInt64 = 7, acknowledged: UInt64 = 0, _ call: TrainerCall? = nil) -> [String] {
        let call = call ?? (number == 1 ? opening(number) : .norm(step: number))
        return handle(.message(.call(NumberedCall(session: session, number: number, acknowledged: acknowledged, call: call))))
    }

    mutating func computed(_ number: UInt64, of session: UInt64 = 7) -> [String] {
        handle(.computed(session: session, number: number, .success(TrainerResult(sums: [Double(number)]))))
    }

    /// Lets time pass, with ticks when they are due.
    mutating func wait(_ duration: Duration) -> [String] {
        var said: [String] = []
        let end = now + duration
        while let wake = machine.nextWake, wake <= end {
            now = max(now, wake)
            said += handle(.tick)
        }
        now = end
        return said
    }

    static func text(_ directive: TrainerMachine.Directive) -> String {
        switch directive {
        case .reopen: "reopen"
        case .compute(let session, let number, _): "compute \(session).\(number)"
        case .forget: "forget"
        case .rejected: "rejected"
        case .left: "left"
        case .note: "note"
        case .send(.hello): "hello"
        case .send(.goodbye): "goodbye"
        case .send(.beat(let beat)): "beat \(beat.session) \(beat.accepted) \(beat.answered)"
        case .send(.answer(let answer)):
            switch answer.result {
            case .success(let result): "answer \(answer.session).\(answer.number) \(result.sums)"
            case .failure(let failure): "\(failure.code) to \(answer.session).\(answer.number)"
            }
        }
    }
}

@Suite struct TrainerMachineTests {
    @Test func callsAreCarriedOutOneAfterTheOther() {
        var bench = Bench()
        #expect(bench.call(1) == ["compute 7.1"])
        #expect(bench.call(2).isEmpty && bench.call(3).isEmpty)
        #expect(bench.computed(1) == ["answer 7.1 [1.0]", "compute 7.2"])
        #expect(bench.computed(2) == ["answer 7.2 [2.0]", "compute 7.3"])
        #expect(bench.computed(3) == ["answer 7.3 [3.0]"])
    }

    @Test func aRepeatedCallGetsTheKeptAnswerUnlessItArrived() {
        var bench = Bench()
        _ = bench.call(1)
        #expect(bench.call(1).isEmpty, "it is being computed")
        _ = bench.computed(1)
        #expect(bench.call(1) == ["answer 7.1 [1.0]"])
        _ = bench.call(2, acknowledged: 1)
        #expect(bench.machine.session?.kept.isEmpty == true)
        #expect(bench.call(1).isEmpty, "its answer was acknowledged")
        #expect(bench.call(3).isEmpty && bench.call(3).isEmpty, "it waits")
        #expect(bench.computed(2) == ["answer 7.2 [2.0]", "compute 7.3"])
        #expect(bench.machine.counters.repeats == 4)
    }

    @Test func aCallAfterAGapIsIgnoredUntilTheGapIsFilled() {
        var bench = Bench()
        _ = bench.call(1)
        #expect(bench.call(3).isEmpty)
        #expect(bench.computed(1) == ["answer 7.1 [1.0]"])
        #expect(bench.call(2) == ["compute 7.2"])
        #expect(bench.call(3).isEmpty)
        #expect(bench.computed(2).last == "compute 7.3")
    }

    @Test func callsBeyondTheQueueAreIgnored() {
        var bench = Bench { $0.mostQueued = 2 }
        for number in 1...5 { _ = bench.call(UInt64(number)) }
        #expect(bench.machine.session?.accepted == 3 && bench.machine.counters.ignored == 2)
    }

    @Test func onlyAnOpenWithNumberOneBeginsASession() {
        var bench = Bench()
        #expect(bench.call(2) == ["noSession to 7.2"])
        #expect(bench.call(1, .norm(step: 1)) == ["noSession to 7.1"])
        #expect(bench.call(2, opening()) == ["noSession to 7.2"])
        #expect(bench.call(1) == ["compute 7.1"])
        #expect(bench.call(2, of: 8) == ["noSession to 8.2"])
        #expect(bench.machine.session?.id == 7)
    }

    @Test func aNewSessionForgetsTheOldOneAndAResultThatIsStillComputed() {
        var bench = Bench()
        for number in 1...3 { _ = bench.call(UInt64(number)) }
        _ = bench.computed(1)
        #expect(bench.call(1, of: 8).isEmpty, "the compute thread is still busy")
        #expect(bench.machine.session?.kept.isEmpty == true)
        #expect(bench.computed(2) == ["compute 8.1"], "without an answer to call 2 of session 7")
        #expect(bench.computed(1, of: 8) == ["answer 8.1 [1.0]"])
        #expect(bench.machine.counters.dropped == 1)
        #expect(bench.call(1, of: 7) == ["noSession to 7.1"], "a session that is over does not begin again")
        #expect(bench.machine.session?.id == 8)
    }

    @Test func failuresAreAnsweredAndKept() {
        var bench = Bench()
        _ = bench.call(1)
        let failure = TrainerFailure(.compute, "broken")
        #expect(bench.handle(.computed(session: 7, number: 1, .failure(failure))) == ["compute to 7.1"])
        #expect(bench.call(1) == ["compute to 7.1"])
        #expect(bench.call(2) == ["compute 7.2"])
    }

    @Test func beatsSayHowFarItGotAlsoWhileItComputes() {
        var bench = Bench()
        #expect(bench.wait(.seconds(1)) == ["beat 0 0 0"])
        for number in 1...3 { _ = bench.call(UInt64(number)) }
        _ = bench.computed(1)
        #expect(bench.wait(.seconds(2)) == ["beat 7 3 1", "beat 7 3 1"])
    }

    @Test func aSilentCoordinatorIsGreetedOnANewConnectionWithGrowingPatience() {
        var bench = Bench()
        #expect(bench.wait(.seconds(3)).filter { !$0.hasPrefix("beat") } == ["note", "reopen", "hello"])
        #expect(!bench.wait(.seconds(5)).contains("reopen"))
        #expect(bench.wait(.seconds(1)).contains("reopen"))
        for _ in 0..<10 { _ = bench.wait(.seconds(48)) }
        #expect(!bench.wait(.seconds(1)).isEmpty)
        // A call shows that the connection is good enough.
        _ = bench.call(1)
        #expect(!bench.wait(.milliseconds(2900)).contains("reopen"))
        #expect(bench.wait(.milliseconds(100)).contains("reopen"))
        #expect(bench.machine.session?.id == 7, "the session lasts")
        _ = bench.handle(.message(.beat))
        #expect(!bench.wait(.milliseconds(2900)).contains("reopen"))
    }

    @Test func ownSleepIsNotTheCoordinatorsSilence() {
        var bench = Bench()
        _ = bench.wait(.seconds(1))
        bench.now += .seconds(60)
        #expect(!bench.handle(.tick).contains("reopen"))
    }

    @Test func whoIsUnknownSaysHelloAgainAndStaysInItsSession() {
        var bench = Bench()
        _ = bench.call(1)
        #expect(bench.handle(.message(.rejected(Rejection(code: .helloFirst, reason: "")))).isEmpty)
        #expect(bench.wait(.milliseconds(50)) == ["reopen", "hello"])
        #expect(bench.machine.session?.id == 7)
    }

    @Test func aGoodbyeEndsTheSessionButNotTheTrainer() {
        var bench = Bench()
        _ = bench.call(1)
        #expect(bench.handle(.message(.goodbye(reason: "done"))) == ["note", "forget"])
        #expect(bench.machine.session == nil)
        #expect(bench.computed(1).isEmpty)
        #expect(bench.handle(.message(.goodbye(reason: "done"))).isEmpty, "between two connections")
        #expect(bench.wait(.seconds(1)) == ["reopen", "hello"])
        #expect(bench.handle(.message(.goodbye(reason: "done"))) == ["note"], "nothing is held")
        #expect(bench.wait(.seconds(1)) == ["reopen", "hello"])
        #expect(bench.call(1, of: 8) == ["compute 8.1"])
    }

    @Test func whatIsHeldOutlastsSilenceAndAnotherSessionsOpenTakesCareOfItself() {
        var bench = Bench()
        _ = bench.call(1)
        _ = bench.computed(1)
        #expect(!bench.wait(.seconds(60)).contains("forget"))
        #expect(bench.call(2) == ["compute 7.2"])
        #expect(bench.call(1, of: 8).isEmpty)
        #expect(bench.computed(2) == ["compute 8.1"])
    }

    @Test func aCoordinatorWithTooManyTrainersIsAskedAgainLaterAndLater() {
        var bench = Bench()
        let full = TrainerMachine.Event.message(.rejected(Rejection(code: .overloaded, reason: "full")))
        for pause in [1, 2, 4, 8, 16, 32, 32] {
            #expect(bench.handle(full) == ["note"])
            #expect(bench.wait(.seconds(pause) - .milliseconds(1)).isEmpty)
            #expect(bench.wait(.milliseconds(1)) == ["reopen", "hello"])
        }
        // There was room.
        _ = bench.handle(.message(.beat))
        _ = bench.handle(full)
        #expect(bench.wait(.seconds(1)) == ["reopen", "hello"])
    }

    @Test func aCallThatCannotBeReadIsNotWaitedForInVain() {
        var bench = Bench()
        _ = bench.call(1)
        #expect(bench.handle(.malformed(.foreign("noise"))) == ["note", "goodbye", "forget"])
        #expect(bench.machine.session == nil)
        #expect(bench.wait(.seconds(1)).suffix(2) == ["reopen", "hello"])
    }

    @Test func rejectionAndLeavingEndIt() {
        var bench = Bench()
        #expect(bench.handle(.message(.rejected(Rejection(code: .protocolVersion, reason: "")))) == ["rejected"])
        #expect(bench.machine.nextWake == nil && bench.call(1).isEmpty)
        bench = Bench()
        for number in 1...2 { _ = bench.call(UInt64(number)) }
        #expect(bench.handle(.leave(reason: "asked")) == ["note", "goodbye", "left"])
        #expect(bench.computed(1).isEmpty && bench.machine.nextWake == nil)
    }
}
