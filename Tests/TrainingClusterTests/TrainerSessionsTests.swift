import Tensors
import Testing
import Training
import Wire

@testable import TrainingCluster

/// A coordinator's machine, and what it says.
private struct Bench {
    var machine: TrainerSessions
    var now = Moment.now
    var calls: UInt64 = 0
    let a = TrainerPort.Trainer(incarnation: .random(), name: "a")
    let b = TrainerPort.Trainer(incarnation: .random(), name: "b")

    /// Two trainers are there and, unless told otherwise, in session 7.
    init(session: Bool = true, change: (inout TrainerSessions.Configuration) -> Void = { _ in }) {
        var configuration = TrainerSessions.Configuration()
        change(&configuration)
        machine = TrainerSessions(configuration)
        for trainer in [a, b] { _ = hear(trainer, .hello(TrainerHello(incarnation: trainer.incarnation, name: trainer.name))) }
        guard session else { return }
        _ = handle(.begin(session: 7, [a, b]))
        for trainer in [a, b] {
            _ = call(opening(), of: trainer)
            _ = answer(1, from: trainer)
        }
    }

    mutating func handle(_ event: TrainerSessions.Event) -> [String] { machine.handle(event, now: now).map(text) }

    mutating func hear(_ trainer: TrainerPort.Trainer, _ message: TrainerMessage) -> [String] {
        handle(.message(.worker(trainer.incarnation), message))
    }

    mutating func call(_ call: TrainerCall? = nil, of trainer: TrainerPort.Trainer) -> [String] {
        calls += 1
        return handle(.call(CallID(calls), call ?? .norm(step: calls), of: trainer))
    }

    mutating func answer(_ number: UInt64, of session: UInt64 = 7, from trainer: TrainerPort.Trainer) -> [String] {
        hear(trainer, .answer(TrainerAnswer(session: session, number: number, result: .success(TrainerResult(sums: [Double(number)])))))
    }

    mutating func fail(_ number: UInt64, _ code: TrainerFailure.Code, from trainer: TrainerPort.Trainer) -> [String] {
        hear(trainer, .answer(TrainerAnswer(session: 7, number: number, result: .failure(TrainerFailure(code, "because")))))
    }

    mutating func beat(_ session: UInt64, _ accepted: UInt64, _ answered: UInt64, from trainer: TrainerPort.Trainer) -> [String] {
        hear(trainer, .beat(TrainerBeat(session: session, accepted: accepted, answered: answered)))
    }

    /// Lets time pass, with ticks when they are due.
    mutating func wait(_ duration: Duration, hearing trainers: [TrainerPort.Trainer] = []) -> [String] {
        var said: [String] = []
        let end = now + duration
        while let wake = machine.nextWake, wake <= end {
            now = max(now, wake)
            for trainer in trainers { machine.present[.worker(trainer.incarnation)]?.lastHeard = now }
            said += handle(.tick)
        }
        now = end
        return said
    }

    func text(_ directive: TrainerSessions.Directive) -> String {
        switch directive {
        case .send(let peer, let message, let repeated):
            let name = peer == .worker(a.incarnation) ? "a" : peer == .worker(b.incarnation) ? "b" : "?"
            switch message {
            case .beat: return "beat \(name)"
            case .call(let call): return "\(repeated ? "again" : "call") \(name) \(call.session).\(call.number) \(call.acknowledged)"
            case .rejected(let rejection): return "\(rejection.code) \(name)"
            case .goodbye: return "goodbye \(name)"
            }
        case .began(let session, let lost): return lost.map { "lost \($0.name)" } ?? "began \(session)"
        case .finish(let id, .success(let result)): return "done \(id.value) \(result.sums)"
        case .finish(let id, .failure(.lost(let lost))): return "lost \(id.value) \(lost.name)"
        case .finish(let id, .failure(.failed(let failure))): return "\(failure.code) \(id.value)"
        case .finish(let id, .failure(.cancelled)): return "cancelled \(id.value)"
        case .note: return "note"
        }
    }
}

@Suite struct TrainerSessionsTests {
    @Test func trainersAreThereInTheOrderOfTheirArrivalAndAreAnsweredAtOnce() {
        var bench = Bench(session: false)
        #expect(bench.machine.trainers == [bench.a, bench.b])
        let c = TrainerPort.Trainer(incarnation: .random(), name: "c")
        #expect(bench.hear(c, .hello(TrainerHello(incarnation: c.incarnation, name: "c"))) == ["note", "beat ?"])
        #expect(bench.machine.trainers == [bench.a, bench.b, c])
    }

    @Test func whoIsUnknownIsToSayHelloAndNobodySpeaksForAnother() {
        var bench = Bench(session: false)
        let stranger = TrainerPort.Trainer(incarnation: .random(), name: "?")
        #expect(bench.beat(0, 0, 0, from: stranger) == ["helloFirst ?"])
        #expect(bench.hear(stranger, .hello(TrainerHello(incarnation: bench.a.incarnation, name: "a"))) == ["malformed ?"])
        #expect(bench.hear(stranger, .goodbye(reason: "")).isEmpty)
        #expect(bench.handle(.malformed(.worker(stranger.incarnation), .version(theirs: 9))) == ["protocolVersion ?"])
        #expect(bench.machine.trainers.count == 2)
    }

    @Test func nothingIsSentBeforeTheSessionIsOpen() {
        var bench = Bench(session: false)
        #expect(bench.call(opening(), of: bench.a) == ["noSession 1"])
        #expect(bench.handle(.begin(session: 7, [bench.a])) == ["began 7"])
        #expect(bench.call(of: bench.a) == ["malformed 2"], "the first call opens")
        #expect(bench.call(opening(), of: bench.a) == ["call a 7.1 0"])
        #expect(bench.call(of: bench.a).isEmpty && bench.call(of: bench.a).isEmpty)
        #expect(bench.call(opening(), of: bench.a) == ["malformed 6"], "no other does")
        #expect(bench.call(of: bench.b) == ["noSession 7"])
        #expect(bench.answer(1, from: bench.a) == ["done 3 [1.0]", "call a 7.2 1", "call a 7.3 1"])
    }

    @Test func onlySomeCallsAndBytesAreUnderWay() throws {
        var bench = Bench {
            $0.mostUnanswered = 3
            $0.mostUnansweredBytes = 100
        }
        let sent = try (0..<3).map { _ in bench.call(try loading(15) { _ in 0 }, of: bench.a).count }
        #expect(sent == [1, 0, 0], "60 bytes each")
        #expect(bench.answer(2, from: bench.a).last == "call a 7.3 2")
        #expect(bench.answer(3, from: bench.a).last == "call a 7.4 3")
        #expect(bench.call(of: bench.a) == ["call a 7.5 3"])
        #expect(bench.call(of: bench.a) == ["call a 7.6 3"])
        #expect(bench.call(of: bench.a).isEmpty)
        // An answer was lost: those after it do not make room, for the trainer keeps theirs.
        #expect(bench.answer(6, from: bench.a) == ["done 7 [6.0]"])
        #expect(bench.answer(4, from: bench.a) == ["done 5 [4.0]", "call a 7.7 4"])
    }

    @Test func whatABeatShowsToBeMissingIsSentAgainInOrderButNotAtOnce() {
        var bench = Bench()
        for _ in 0..<4 { _ = bench.call(of: bench.a) }
        #expect(bench.beat(7, 1, 1, from: bench.a).isEmpty, "it may be on its way")
        bench.now += .milliseconds(1000)
        #expect(bench.beat(7, 1, 1, from: bench.a).isEmpty)
        bench.now += .milliseconds(1)
        #expect(bench.beat(7, 1, 1, from: bench.b).isEmpty, "nothing was sent to this one")
        var other = bench
        #expect(other.beat(7, 5, 1, from: other.a).isEmpty, "they arrived")
        #expect(other.beat(7, 5, 3, from: other.a) == ["again a 7.2 1", "again a 7.3 1"], "answers were lost")
        other = bench
        #expect(other.beat(7, 4, 1, from: other.a).isEmpty, "some just arrived: the rest is on its way")
        other.now += .milliseconds(1001)
        #expect(other.beat(7, 4, 2, from: other.a) == ["again a 7.2 1", "again a 7.5 1"], "an answer and a call were lost")
        #expect(bench.beat(7, 1, 1, from: bench.a) == (2...5).map { "again a 7.\($0) 1" })
        // The second repeat of the same call waits for longer.
        bench.now += .milliseconds(1500)
        #expect(bench.beat(7, 1, 1, from: bench.a).isEmpty)
        bench.now += .milliseconds(501)
        #expect(bench.beat(7, 1, 1, from: bench.a) == (2...5).map { "again a 7.\($0) 1" })
        // Computing may take long.
        bench.now += .seconds(3600)
        #expect(bench.beat(7, 5, 1, from: bench.a).isEmpty)
    }

    @Test func muchOnItsWayIsWaitedForLonger() throws {
        var bench = Bench { $0.slowestLink = 1000 }
        _ = bench.call(try loading(1000) { _ in 0 }, of: bench.a)
        bench.now += .milliseconds(4900)
        #expect(bench.beat(7, 1, 1, from: bench.a).isEmpty)
        bench.now += .milliseconds(200)
        #expect(bench.beat(7, 1, 1, from: bench.a) == ["again a 7.2 1"])
    }

    @Test func aLostOpenIsSentAgain() {
        var bench = Bench(session: false)
        _ = bench.handle(.begin(session: 8, [bench.a]))
        _ = bench.call(opening(), of: bench.a)
        bench.now += .seconds(2)
        #expect(bench.beat(7, 20, 20, from: bench.a) == ["again a 8.1 0"])
    }

    @Test func aNewConnectionGetsAllThatWasSent() {
        var bench = Bench()
        for _ in 0..<3 { _ = bench.call(of: bench.a) }
        _ = bench.answer(3, from: bench.a)
        #expect(
            bench.hear(bench.a, .hello(TrainerHello(incarnation: bench.a.incarnation, name: "a")))
                == ["beat a", "again a 7.2 1", "again a 7.4 1"])
        #expect(bench.machine.trainers == [bench.a, bench.b])
    }

    @Test func repeatedAndStaleAnswersReachNobody() {
        var bench = Bench()
        _ = bench.call(of: bench.a)
        #expect(bench.answer(2, of: 6, from: bench.a).isEmpty)
        #expect(bench.answer(2, from: bench.a) == ["done 3 [2.0]"])
        #expect(bench.answer(2, from: bench.a).isEmpty && bench.fail(2, .noSession, from: bench.a).isEmpty)
        #expect(bench.machine.counters.staleAnswers == 1 && bench.machine.counters.repeatedAnswers == 2)
        _ = bench.handle(.begin(session: 8, [bench.a]))
        _ = bench.call(opening(), of: bench.a)
        #expect(bench.answer(1, from: bench.a).isEmpty, "of session 7")
    }

    @Test func aFailureConcernsItsCallAlone() {
        var bench = Bench()
        _ = (bench.call(of: bench.a), bench.call(of: bench.a))
        #expect(bench.fail(2, .compute, from: bench.a) == ["compute 3"])
        #expect(bench.answer(3, from: bench.a) == ["done 4 [3.0]"])
    }

    @Test(arguments: ["goodbye", "malformed", "revoked", "no session", "silence", "an answer to nothing"])
    func aLostTrainerEndsEveryCallOfTheSessionUntilAnotherBegins(how: String) {
        var bench = Bench()
        _ = (bench.call(of: bench.a), bench.call(of: bench.b))
        let said =
            switch how {
            case "goodbye": bench.hear(bench.a, .goodbye(reason: "leaving"))
            case "malformed": bench.handle(.malformed(.worker(bench.a.incarnation), .foreign("noise")))
            case "revoked": bench.handle(.cut(.worker(bench.a.incarnation)))
            case "no session": bench.fail(2, .noSession, from: bench.a)
            case "silence": bench.wait(.seconds(3), hearing: [bench.b])
            default: bench.answer(9, from: bench.a)
            }
        #expect(said.filter { !$0.hasPrefix("beat") } == ["note", "lost 3 a", "lost 4 a"])
        #expect(bench.call(of: bench.b) == ["lost 5 a"])
        #expect(bench.answer(2, from: bench.b).isEmpty)
        let isThere = how == "no session"
        #expect(bench.machine.trainers == (isThere ? [bench.a, bench.b] : [bench.b]))
        #expect(bench.handle(.begin(session: 8, [bench.b])) == ["began 8"])
        #expect(bench.call(opening(), of: bench.b) == ["call b 8.1 0"])
    }

    @Test(arguments: ["read", "forward", "backward", "backward without input"])
    func whoSendsALargeAnswerMayBeSilentForAsLongAsItTakes(what: String) throws {
        // The largest tensor has 4 × 8 numbers.
        var bench = Bench { $0.slowestLink = 2000 }
        let pass = ExpertPass(
            step: 1, layer: 1, segments: [.init(expert: 0, rows: 250)], rows: try tensor([250, 4]) { _ in 0 })
        let (call, milliseconds): (TrainerCall, Int) =
            switch what {
            case "read": (.read(ExpertState(somePlace, tensor: 0, kind: .value)), 64)
            case "forward": (.forward(pass), 2000)
            case "backward": (.backward(pass, needsInput: true), 2500)
            default: (.backward(pass, needsInput: false), 500)
            }
        // The largest counts, not their sum: whatever arrives whole is a sign of life.
        for call in [call, call, .norm(step: 1)] { _ = bench.call(call, of: bench.a) }
        let longest = Duration.seconds(3) + .milliseconds(milliseconds)
        #expect(!bench.wait(longest - .milliseconds(1), hearing: [bench.b]).contains("note"))
        var answered = bench
        _ = (answered.answer(2, from: answered.a), answered.answer(3, from: answered.a))
        #expect(bench.wait(.milliseconds(2), hearing: [bench.b]).contains("lost 3 a"))
        #expect(!answered.wait(.milliseconds(2999), hearing: [answered.b]).contains("note"), "a norm is left")
        #expect(answered.wait(.milliseconds(1), hearing: [answered.b]).contains("lost 5 a"))
    }

    @Test func anAnswerOfASessionThatIsOverDelaysBeatsOfTheNextOneToo() throws {
        var bench = Bench { $0.slowestLink = 100 }
        _ = bench.call(try passing(1, rows: 50, width: 4) { _ in 0 }, of: bench.a)
        _ = bench.hear(bench.b, .goodbye(reason: ""))
        _ = bench.handle(.begin(session: 8, [bench.a]))
        _ = bench.call(opening(), of: bench.a)
        #expect(!bench.wait(.seconds(10)).contains("note"), "3 s, and 8 s for 800 bytes")
        var (silent, quick) = (bench, bench)
        #expect(silent.wait(.milliseconds(1100)).contains("note"))
        #expect(bench.beat(0, 0, 0, from: bench.a) == ["again a 8.1 0"], "said before that answer")
        #expect(!bench.wait(.seconds(10)).contains("note"))
        // Nothing overtakes: what was on its way has come.
        _ = quick.answer(1, of: 8, from: quick.a)
        #expect(!quick.wait(.milliseconds(2900)).contains("note"))
        #expect(quick.wait(.milliseconds(100)).contains("note"))
        // Nor does it come on another connection.
        _ = bench.hear(bench.a, .hello(TrainerHello(incarnation: bench.a.incarnation, name: "a")))
        #expect(!bench.wait(.milliseconds(2900)).contains("note"))
        #expect(bench.wait(.milliseconds(100)).contains("note"))
    }

    @Test func whoBeatsButNeverAnswersIsLostWhenTheTimeOfItsCallIsOver() throws {
        // 60 s, 5 s for 50 rows, 1 s for 800 bytes there and 800 back.
        var bench = Bench { ($0.callPatience, $0.slowestRows, $0.slowestLink) = (.seconds(60), 10, 1600) }
        _ = bench.call(try passing(1, rows: 50, width: 4) { _ in 0 }, of: bench.a)
        _ = bench.call(of: bench.b)
        _ = bench.beat(7, 2, 1, from: bench.a)
        let both = [bench.a, bench.b]
        #expect(!bench.wait(.seconds(59), hearing: both).contains("note"))
        _ = bench.answer(2, from: bench.b)
        // Saying the same again is no progress.
        _ = bench.beat(7, 2, 1, from: bench.a)
        #expect(!bench.wait(.milliseconds(6999), hearing: both).contains("note"))
        #expect(bench.wait(.milliseconds(2), hearing: both).filter { !$0.hasPrefix("beat") } == ["note", "lost 3 a"])
        let reason = bench.machine.session?.lost?.reason ?? ""
        #expect(reason.contains("did not answer call 2 (forward) within 66.0 seconds") && reason.contains("start it again"), "\(reason)")
        // It is there, but the next session would hang as well; a new run of it is another trainer.
        #expect(bench.machine.trainers == [bench.b])
        #expect(bench.beat(7, 2, 1, from: bench.a) == ["helloFirst a"])
        #expect(bench.hear(bench.a, .hello(TrainerHello(incarnation: bench.a.incarnation, name: "a"))) == ["overloaded a"])
        let anew = TrainerPort.Trainer(incarnation: .random(), name: "a")
        #expect(bench.hear(anew, .hello(TrainerHello(incarnation: anew.incarnation, name: "a"))) == ["note", "beat ?"])
        #expect(bench.machine.trainers == [bench.b, anew])
    }

    @Test func whoGetsOnIsWaitedForHoweverSlowItIs() {
        var bench = Bench { $0.callPatience = .seconds(60) }
        let both = [bench.a, bench.b]
        // Numbers 2 to 5, on their way for long.
        for _ in 0..<4 { _ = bench.call(of: bench.a) }
        #expect(!bench.wait(.seconds(59), hearing: both).contains("note"))
        _ = bench.beat(7, 2, 1, from: bench.a)
        #expect(!bench.wait(.seconds(59), hearing: both).contains("note"), "the first has arrived")
        _ = bench.beat(7, 5, 1, from: bench.a)
        var idle = bench
        #expect(idle.wait(.milliseconds(1001), hearing: both).contains("lost 3 a"), "the others do not delay it")
        for number: UInt64 in 2...4 {
            _ = bench.answer(number, from: bench.a)
            #expect(!bench.wait(.seconds(59), hearing: both).contains("note"), "call \(number) is answered")
        }
        _ = bench.beat(7, 5, 5, from: bench.a)
        #expect(!bench.wait(.seconds(59), hearing: both).contains("note"), "the last is ended, its answer on its way")
        // Neither this nor what was never sent counts again.
        _ = (bench.beat(7, 5, 5, from: bench.a), bench.beat(7, 99, 99, from: bench.a))
        #expect(bench.wait(.milliseconds(1001), hearing: both).contains("lost 6 a"))
    }

    @Test func repeatsDoNotMakeACallYounger() {
        var bench = Bench { $0.callPatience = .seconds(60) }
        _ = bench.call(of: bench.a)
        var repeats = 0
        for _ in 0..<59 {
            #expect(!bench.wait(.seconds(1), hearing: [bench.a, bench.b]).contains("note"))
            repeats += bench.beat(7, 1, 1, from: bench.a).count
        }
        #expect(repeats > 1)
        #expect(bench.wait(.milliseconds(1001), hearing: [bench.a, bench.b]).contains("lost 3 a"))
    }

    @Test func anOpenMayWaitForTheEndOfWhatIsOver() {
        var bench = Bench { ($0.callPatience, $0.openPatience) = (.seconds(60), .seconds(600)) }
        let both = [bench.a, bench.b]
        _ = bench.call(of: bench.a)
        _ = bench.wait(.seconds(59), hearing: both)
        _ = bench.handle(.begin(session: 8, [bench.a]))
        _ = bench.call(opening(), of: bench.a)
        #expect(!bench.wait(.milliseconds(599_999), hearing: both).contains("note"))
        #expect(bench.wait(.milliseconds(2), hearing: both).contains("lost 4 a"))
    }

    @Test func ownSleepIsNotTheTimeOfACall() {
        var bench = Bench { $0.callPatience = .seconds(60) }
        _ = bench.call(of: bench.a)
        bench.now += .seconds(600)
        #expect(bench.handle(.tick) == ["beat a", "beat b"])
        #expect(!bench.wait(.seconds(58), hearing: [bench.a, bench.b]).contains("note"))
        #expect(bench.wait(.seconds(2), hearing: [bench.a, bench.b]).contains("lost 3 a"))
    }

    @Test func aSessionDoesNotBeginWithWhoIsGone() {
        var bench = Bench(session: false)
        _ = bench.hear(bench.a, .goodbye(reason: ""))
        #expect(bench.handle(.begin(session: 7, [bench.b, bench.a])) == ["lost a"])
        #expect(bench.call(opening(), of: bench.b) == ["lost 1 a"])
    }

    @Test func whoIsNotInTheSessionMayGo() {
        var bench = Bench(session: false)
        _ = bench.handle(.begin(session: 7, [bench.a]))
        _ = bench.call(opening(), of: bench.a)
        #expect(bench.hear(bench.b, .goodbye(reason: "")) == ["note"])
        #expect(bench.answer(1, from: bench.a) == ["done 1 [1.0]"])
    }

    @Test func anotherSessionEndsTheCallsOfTheOneBefore() {
        var bench = Bench()
        _ = bench.call(of: bench.a)
        #expect(bench.handle(.begin(session: 8, [bench.a])) == ["noSession 3", "began 8"])
    }

    @Test func ownSleepIsNobodysSilence() {
        var bench = Bench()
        _ = bench.wait(.seconds(1), hearing: [bench.a, bench.b])
        bench.now += .seconds(60)
        #expect(bench.handle(.tick) == ["beat a", "beat b"])
        #expect(bench.wait(.milliseconds(1900)).allSatisfy { $0.hasPrefix("beat") })
        #expect(bench.wait(.seconds(1)).contains("note"), "now they are silent")
    }

    @Test func closingSaysGoodbyeAndCancels() {
        var bench = Bench()
        _ = bench.call(of: bench.a)
        #expect(bench.handle(.close(reason: "end")) == ["goodbye a", "goodbye b", "cancelled 3"])
        #expect(bench.call(of: bench.a) == ["cancelled 4"] && bench.machine.nextWake == nil)
    }
}
