import Foundation
import Tensors
import Testing
import Training
import Wire

@testable import TrainingCluster

/// A coordinator and its trainers under a virtual clock, on a network that loses, repeats and delays messages.
///
/// Every call carries a number of its own, and every result names the call, the trainer's run and the session: so it shows
/// what was carried out, how often, in which order, and whose answer reached whom.
private struct History {
    struct Trainer {
        var machine: TrainerMachine
        var isAlive = true
        /// Nothing passes until then.
        var cutUntil: Moment?
        /// Stopped until then: what arrives waits.
        var sleepsUntil: Moment?
        /// What was carried out, by session.
        var carriedOut: [UInt64: UInt64] = [:]
        /// Whether the last message in each direction was lost.
        var lost = (there: false, back: false)
    }

    struct Call {
        var tag: UInt64
        var session: UInt64
        var peer: PeerIdentity
    }

    struct Place: Hashable {
        var peer: PeerIdentity
        var session: UInt64
        var number: UInt64
    }

    enum Action {
        case toTrainer(PeerIdentity, MessageToTrainer)
        case toCoordinator(PeerIdentity, TrainerMessage)
        case computed(PeerIdentity, session: UInt64, number: UInt64, Result<TrainerResult, TrainerFailure>)
    }

    /// A gentle network loses no two messages in a row, and delays little.
    let isGentle: Bool
    var random: Seeded
    var now = Moment.now
    var coordinator: TrainerSessions
    var sleepsUntil: Moment?
    var trainers: [PeerIdentity: Trainer] = [:]
    /// Those that live, in the order in which they were started.
    var alive: [PeerIdentity] = []
    var pending: [(at: Moment, action: Action)] = []
    var calls: [CallID: Call] = [:]
    /// Calls that did not end yet.
    var open: Set<CallID> = []
    var sent: [Place: UInt64] = [:]
    /// Trainers about which something happened that may end a session.
    var excused: Set<PeerIdentity> = []
    var nextTag: UInt64 = 1
    var nextSession: UInt64 = 1
    var (succeeded, failed, lost) = (0, 0, 0)
    var (crashes, sleeps, losses) = (0, 0, 0)
    var (repeatedCalls, repeatedAnswers): (UInt64, UInt64) = (0, 0)
    var problems: [String] = []
    var isCalm = false

    init(seed: UInt64, gentle: Bool) {
        isGentle = gentle
        random = Seeded(state: seed)
        coordinator = Self.machine()
    }

    static func machine() -> TrainerSessions {
        var configuration = TrainerSessions.Configuration()
        configuration.mostUnanswered = 4
        configuration.mostUnansweredBytes = 100
        return TrainerSessions(configuration)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    mutating func time(_ range: ClosedRange<Int>) -> Duration { .milliseconds(Int.random(in: range, using: &random)) }

    mutating func end(_ peer: PeerIdentity) {
        trainers[peer]?.isAlive = false
        alive.removeAll { $0 == peer }
    }

    mutating func start() {
        let incarnation = Incarnation.random(using: &random)
        var configuration = TrainerMachine.Configuration(hello: TrainerHello(incarnation: incarnation, name: "t\(trainers.count)"))
        configuration.mostQueued = 6
        alive.append(.worker(incarnation))
        trainers[.worker(incarnation)] = Trainer(machine: TrainerMachine(configuration, now: now))
        trainer(.worker(incarnation), .start)
    }

    // MARK: - Carrying out

    mutating func coordinator(_ event: TrainerSessions.Event) {
        let before = coordinator.counters
        let directives = coordinator.handle(event, now: now)
        repeatedCalls += coordinator.counters.repeatedCalls - before.repeatedCalls
        repeatedAnswers += coordinator.counters.repeatedAnswers - before.repeatedAnswers
        for directive in directives {
            switch directive {
            case .send(let peer, let message, _): send(message, to: peer)
            case .finish(let id, let result): finish(id, result)
            case .began, .note: break
            }
        }
        if let session = coordinator.session {
            if session.lost != nil, !open.isEmpty { problems.append("\(open.count) calls go on in a session that is lost") }
            for calls in session.trainers.values {
                if let first = calls.sent.first, let last = calls.sent.last, last.number - first.number >= 4 { problems.append("too much under way") }
                if calls.sentBytes > 100, calls.sentCount > 1 { problems.append("too many bytes under way") }
                if calls.sentBytes != calls.sent.reduce(0, { $0 + $1.call.numberBytes }) { problems.append("bytes do not add up") }
            }
        }
    }

    mutating func send(_ message: MessageToTrainer, to peer: PeerIdentity) {
        if case .call(let call) = message {
            let place = Place(peer: peer, session: call.session, number: call.number)
            let known = sent.updateValue(tag(of: call.call), forKey: place)
            if let known, known != tag(of: call.call) { problems.append("number \(call.number) names two calls") }
            if call.acknowledged >= call.number { problems.append("call \(call.number) acknowledges \(call.acknowledged)") }
        }
        guard let trainer = trainers[peer], trainer.isAlive, trainer.cutUntil.map({ $0 <= now }) ?? true else { return }
        let isLost = loses(afterLoss: trainer.lost.there)
        trainers[peer]?.lost.there = isLost
        if !isLost { deliver(.toTrainer(peer, message)) }
    }

    mutating func loses(afterLoss: Bool) -> Bool { !isCalm && !(isGentle && afterLoss) && chance(15) }

    mutating func deliver(_ action: Action) {
        // In calm nothing overtakes anything.
        pending.append((now + (isCalm ? .milliseconds(10) : time(0...30)), action))
        guard !isCalm else { return }
        if chance(8) { pending.append((now + time(0...300), action)) }
        if chance(3) { pending[pending.count - 1].at = now + (isGentle ? time(100...300) : time(500...5000)) }
    }

    mutating func trainer(_ peer: PeerIdentity, _ event: TrainerMachine.Event) {
        guard trainers[peer]?.isAlive == true, let directives = trainers[peer]?.machine.handle(event, now: now) else { return }
        if let session = trainers[peer]?.machine.session {
            if session.kept.count > 4 { problems.append("a trainer keeps \(session.kept.count) answers") }
            if session.queue.count > 6 { problems.append("a trainer queues \(session.queue.count) calls") }
            if session.answered > session.accepted { problems.append("more answers than calls") }
        }
        for directive in directives {
            switch directive {
            case .send(let message):
                guard trainers[peer]?.cutUntil.map({ $0 <= now }) ?? true else { continue }
                let isLost = loses(afterLoss: trainers[peer]?.lost.back ?? false)
                trainers[peer]?.lost.back = isLost
                if !isLost { deliver(.toCoordinator(peer, message)) }
            case .compute(let session, let number, let call): compute(peer, session, number, call)
            case .left: end(peer)
            case .rejected(let rejection): problems.append("rejected: \(rejection.reason)")
            case .reopen, .forget, .note: break
            }
        }
    }

    mutating func compute(_ peer: PeerIdentity, _ session: UInt64, _ number: UInt64, _ call: TrainerCall) {
        let last = trainers[peer]?.carriedOut[session] ?? 0
        if number != last + 1 { problems.append("call \(number) of session \(session) was carried out after \(last)") }
        trainers[peer]?.carriedOut[session] = number
        if sent[Place(peer: peer, session: session, number: number)] != tag(of: call) { problems.append("another call was carried out") }
        let name = [Double(tag(of: call)), Double(session), Double(number)]
        let result: Result<TrainerResult, TrainerFailure> =
            chance(4) ? .failure(TrainerFailure(.compute, "\(name)")) : .success(TrainerResult(sums: name))
        pending.append((now + (chance(3) ? time(1000...6000) : time(1...150)), .computed(peer, session: session, number: number, result)))
    }

    // MARK: - Checking

    mutating func finish(_ id: CallID, _ result: Result<TrainerResult, CallFailure>) {
        guard open.remove(id) != nil, let call = calls[id] else { return problems.append("a call ended twice") }
        switch result {
        case .success(let result):
            succeeded += 1
            if result.sums.prefix(2) != [Double(call.tag), Double(call.session)] {
                problems.append("call \(call.tag) of session \(call.session) got the answer \(result.sums)")
            }
        case .failure(.failed(let failure)):
            failed += 1
            if failure.code == .compute, !failure.reason.hasPrefix("[\(Double(call.tag)), \(Double(call.session)),") {
                problems.append("call \(call.tag) got the failure \(failure.reason)")
            }
            if failure.code == .malformed { problems.append("a call was refused: \(failure.reason)") }
        case .failure(.lost(let reason)):
            lost += 1
            if coordinator.session?.lost == nil || coordinator.session?.id != call.session { problems.append("nobody was lost: \(reason)") }
            if isGentle, let session = coordinator.session, excused.isDisjoint(with: session.trainers.keys) {
                problems.append("lost for no reason: \(reason)")
            }
        case .failure(.cancelled): problems.append("a call was cancelled")
        }
    }

    // MARK: - Running

    /// Does what comes next of the clocks, the network and the compute threads.
    mutating func step(before limit: Moment) {
        let next = pending.indices.min { pending[$0].at < pending[$1].at }
        var first = next.map { pending[$0].at }
        var (ticking, ticker) = (false, PeerIdentity?.none)
        for peer in alive {
            guard let wake = trainers[peer]?.machine.nextWake.map({ max($0, trainers[peer]?.sleepsUntil ?? $0) }), first.map({ wake < $0 }) ?? true else { continue }
            (first, ticking, ticker) = (wake, true, peer)
        }
        // A coordinator that slept looks at its clock before it hears what came meanwhile.
        if let wake = coordinator.nextWake.map({ max($0, sleepsUntil ?? $0) }), first.map({ wake <= $0 }) ?? true {
            (first, ticking, ticker) = (wake, true, nil)
        }
        guard let first, first < limit else { return now = limit }
        now = max(now, first)
        if ticking { return ticker.map { trainer($0, .tick) } ?? coordinator(.tick) }
        guard let next else { return }
        let action = pending.remove(at: next).action
        switch action {
        case .toTrainer(let peer, let message):
            if let until = trainers[peer]?.sleepsUntil, until > now { return pending.append((until, action)) }
            trainer(peer, .message(message))
        case .toCoordinator(let peer, let message):
            if let until = sleepsUntil, until > now { return pending.append((until, action)) }
            coordinator(.message(peer, message))
        case .computed(let peer, let session, let number, let result):
            if let until = trainers[peer]?.sleepsUntil, until > now { return pending.append((until, action)) }
            trainer(peer, .computed(session: session, number: number, result))
        }
    }

    mutating func run(for duration: Duration, orUntil isDone: (History) -> Bool = { _ in false }) {
        let end = now + duration
        while problems.isEmpty, now < end, !isDone(self) { step(before: end) }
    }

    /// Nothing is open, and whoever is alive is there.
    var isSettled: Bool { open.isEmpty && Set(coordinator.present.keys) == Set(alive) }

    /// A new session with those that are there, or some of them.
    mutating func begin(all: Bool = false) {
        var chosen = coordinator.trainers
        if !all, chance(30) { chosen.shuffle(using: &random) }
        if !all, chosen.count > 1, chance(30) { chosen.removeLast() }
        guard !chosen.isEmpty else { return }
        // On one connection nothing is overtaken by what was sent later.
        if isGentle {
            pending.removeAll { if case .toTrainer(_, .call(let call)) = $0.action { call.number == 1 } else { false } }
        }
        coordinator(.begin(session: nextSession, chosen))
        nextSession += 1
        for trainer in chosen { call(opening(nextTag), of: trainer) }
    }

    mutating func call(_ call: TrainerCall, of trainer: TrainerPort.Trainer) {
        guard let session = coordinator.session else { return }
        let id = CallID(nextTag)
        calls[id] = Call(tag: nextTag, session: session.id, peer: .worker(trainer.incarnation))
        open.insert(id)
        nextTag += 1
        coordinator(.call(id, call, of: trainer))
    }

    mutating func callSome() throws {
        if coordinator.session?.lost != nil, chance(85) { begin() }
        guard let session = coordinator.session else { return begin() }
        for peer in session.trainers.keys.sorted() {
            guard let incarnation = Incarnation(bytes: Array(peer.bytes.dropFirst())) else { continue }
            let trainer = TrainerPort.Trainer(incarnation: incarnation, name: "")
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                let value = Float(nextTag)
                let count = Int.random(in: 1...30, using: &random)
                call(chance(30) ? try loading(count) { _ in value } : .norm(step: nextTag), of: trainer)
            }
        }
    }

    mutating func disturb() throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<8: try callSome()
        case 8, 9: if coordinator.session?.lost != nil || chance(30) { begin() }
        case 10:
            // kill -9, and perhaps a new process.
            guard let victim = alive.randomElement(using: &random) else { break }
            losses += 1
            end(victim)
            excused.insert(victim)
            if chance(80) { start() }
        case 11:
            guard chance(40), let some = alive.randomElement(using: &random) else { break }
            excused.insert(some)
            trainer(some, .leave(reason: "test"))
            start()
        case 12:
            guard !isGentle, let some = alive.randomElement(using: &random) else { break }
            let until = now + time(100...8000)
            trainers[some]?.cutUntil = until
        case 13:
            guard !isGentle, let some = alive.randomElement(using: &random) else { break }
            let until = now + time(100...8000)
            trainers[some]?.sleepsUntil = until
        case 14:
            // The whole process stops; what arrives waits for it.
            guard chance(30) else { break }
            sleeps += 1
            sleepsUntil = now + time(500...20000)
            run(for: sleepsUntil.map { now.duration(to: $0) } ?? .zero)
        case 15:
            guard chance(20), let some = alive.randomElement(using: &random) else { break }
            excused.insert(some)
            coordinator(.malformed(some, .malformed(message: "noise", field: "noise", reason: "is noise")))
            // The trainer would end; here it goes on as if it had not heard.
            pending.removeAll { if case .toTrainer(some, .rejected) = $0.action { true } else { false } }
        case 16:
            guard chance(20), let some = alive.randomElement(using: &random) else { break }
            excused.insert(some)
            trainer(some, .malformed(.foreign("noise")))
        case 17:
            // kill -9 of the coordinator, and a new one at its address.
            guard chance(20) else { break }
            crashes += 1
            open = []
            coordinator = Self.machine()
        case 18:
            guard let some = alive.randomElement(using: &random) else { break }
            // An answer that nobody waits for.
            let answer = TrainerAnswer(session: UInt64.random(in: nextSession...nextSession + 5, using: &random), number: 1, result: .success(TrainerResult(sums: [-1])))
            coordinator(.message(some, .answer(answer)))
        default: if alive.count < 4 { start() }
        }
    }

    mutating func play() throws {
        for _ in 0..<Int.random(in: 1...3, using: &random) { start() }
        run(for: .seconds(1))
        begin()
        for _ in 0..<40 {
            run(for: time(0...400))
            try disturb()
            if !problems.isEmpty { return }
        }
        // Calm: every call still ends, and then everybody who is alive can do a session without any loss.
        isCalm = true
        for peer in trainers.keys { trainers[peer]?.cutUntil = nil }
        run(for: .seconds(10))
        run(for: .seconds(90)) { $0.isSettled }
        if problems.isEmpty, !open.isEmpty { problems.append("\(open.count) calls never ended") }
        if problems.isEmpty, !isSettled {
            problems.append("\(coordinator.trainers.count) trainers are there, but \(alive.count) are alive")
        }
        guard !alive.isEmpty else { return }
        let before = (lost, succeeded + failed)
        begin(all: true)
        let first = nextTag
        for _ in 0..<3 { try callSome() }
        run(for: .seconds(60)) { $0.open.isEmpty }
        if !open.isEmpty || lost != before.0 { problems.append("a session on a good network failed") }
        if succeeded + failed < before.1 + Int(nextTag - first) { problems.append("calls are missing") }
    }
}

@Suite struct TrainerHistoryTests {
    /// How many; set MEDMOE_HISTORIES for more.
    static let count = ProcessInfo.processInfo.environment["MEDMOE_HISTORIES"].flatMap(UInt64.init) ?? 500

    @Test(arguments: 0..<4)
    func inEveryHistoryCallsAreCarriedOutOnceInOrderAndAnswersReachTheirCallers(part: UInt64) throws {
        var (succeeded, failed, lost) = (0, 0, 0)
        var (crashes, sleeps, losses) = (0, 0, 0)
        var (repeatedCalls, repeatedAnswers): (UInt64, UInt64) = (0, 0)
        for seed in stride(from: part, to: Self.count, by: 4) {
            var history = History(seed: seed, gentle: part % 2 == 0)
            try history.play()
            #expect(history.problems.isEmpty, "seed \(seed): \(history.problems.prefix(3))")
            if !history.problems.isEmpty { return }
            succeeded += history.succeeded
            failed += history.failed
            lost += history.lost
            crashes += history.crashes
            sleeps += history.sleeps
            losses += history.losses
            repeatedCalls += history.repeatedCalls
            repeatedAnswers += history.repeatedAnswers
        }
        // The network is bad, not dead: otherwise the checks above would check nothing.
        #expect(succeeded * 2 > lost && failed > 0 && lost > 0, "\(succeeded) succeeded, \(failed) failed, \(lost) lost")
        #expect(crashes > 0 && sleeps > 0 && losses > 0 && repeatedCalls > 0 && repeatedAnswers > 0)
    }
}
