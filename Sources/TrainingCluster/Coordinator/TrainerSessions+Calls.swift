import Training
import Wire

/// Why a call has no result.
enum CallFailure: Error, Sendable, Hashable {
    case lost(TrainerLost)
    /// This call alone.
    case failed(TrainerFailure)
    /// The coordinator ends.
    case cancelled

    /// What the caller is told.
    var error: any Error {
        switch self {
        case .lost(let lost): lost
        case .failed(let failure): failure
        case .cancelled: CancellationError()
        }
    }
}

extension TrainerSessions {
    mutating func begin(_ id: UInt64, with trainers: [Trainer]) {
        finishAll(.failed(TrainerFailure(.noSession, "another session began before this call was answered")))
        let gone = trainers.first { present[.worker($0.incarnation)] == nil }
        let lost = gone.map { TrainerLost(name: $0.name, reason: "it was gone when the session began") }
        session = Session(
            id: id, trainers: Dictionary(trainers.map { (.worker($0.incarnation), OutstandingCalls()) }, uniquingKeysWith: { a, _ in a }),
            lost: lost)
        directives.append(.began(session: id, lost))
    }

    mutating func take(_ call: TrainerCall, _ id: CallID, of trainer: Trainer, now: Moment) {
        let peer = PeerIdentity.worker(trainer.incarnation)
        func refuse(_ code: TrainerFailure.Code, _ reason: String) {
            directives.append(.finish(id, .failure(.failed(TrainerFailure(code, reason)))))
        }
        guard !isClosed else { return directives.append(.finish(id, .failure(.cancelled))) }
        if let lost = session?.lost { return directives.append(.finish(id, .failure(.lost(lost)))) }
        guard let calls = session?.trainers[peer] else { return refuse(.noSession, "trainer \(trainer) is in no session") }
        guard call.opensSession == (calls.next == 1) else {
            return refuse(.malformed, "the first call of a session opens it, and no other does")
        }
        session?.trainers[peer]?.append(id, call)
        sendMore(to: peer, now: now)
    }

    /// Sends what may be under way beside what is.
    private mutating func sendMore(to peer: PeerIdentity, now: Moment) {
        let (calls, bytes) = (configuration.mostUnanswered, configuration.mostUnansweredBytes)
        while let call = session?.trainers[peer]?.takeNext(mostCalls: calls, mostBytes: bytes, now: now) {
            send(call, to: peer, repeated: false)
        }
    }

    private mutating func send(_ call: OutstandingCall, to peer: PeerIdentity, repeated: Bool) {
        guard let session, let acknowledged = session.trainers[peer]?.acknowledged else { return }
        if repeated { counters.repeatedCalls += 1 }
        send(
            peer, .call(NumberedCall(session: session.id, number: call.number, acknowledged: acknowledged, call: call.call)),
            repeated: repeated)
    }

    /// Sends calls again, in their order.
    mutating func repeatCalls(to peer: PeerIdentity, now: Moment, where isMissing: (OutstandingCall, _ bytes: Int) -> Bool) {
        guard session?.lost == nil, let calls = session?.trainers[peer]?.repeated(now: now, where: isMissing) else { return }
        for call in calls { send(call, to: peer, repeated: true) }
    }

    /// Looks for what was lost: calls that the trainer has not got, and answers that are not here.
    ///
    /// What was sent a moment ago may be on its way, much of it for long, and as long as more of it arrives nothing is lost.
    /// Each repeat in vain makes the next one wait twice as long, so that a slow link is not filled with them.
    mutating func take(_ beat: TrainerBeat, from peer: PeerIdentity, now: Moment) {
        guard let id = session?.id else { return }
        let (accepted, answered) = beat.session == id ? (beat.accepted, beat.answered) : (0, 0)
        session?.trainers[peer]?.accept(upTo: accepted, now: now)
        session?.trainers[peer]?.end(upTo: answered, now: now)
        let since = session?.trainers[peer]?.accepted.since
        let configuration = configuration
        repeatCalls(to: peer, now: now) { call, bytes in
            guard var sent = call.sent, call.number > accepted || call.number <= answered else { return false }
            var patience = configuration.beat
            if call.number > accepted {
                if let since { sent = max(sent, since) }
                patience += .seconds(Double(bytes) / Double(configuration.slowestLink))
            }
            return sent + patience * (1 << min(call.repeats, 4)) < now
        }
    }

    /// What an answer that just arrived belongs to; nil when nobody waits for it (any more).
    func awaited(_ answer: TrainerAnswer, from peer: PeerIdentity) -> TrainerCall? {
        isCurrent(answer) ? session?.trainers[peer]?.sent(answer.number)?.call : nil
    }

    private func isCurrent(_ answer: TrainerAnswer) -> Bool { session?.lost == nil && session?.id == answer.session }

    mutating func take(_ answer: TrainerAnswer, from peer: PeerIdentity, now: Moment) {
        // Nothing of the session is held here meanwhile: a second owner would make every change a copy.
        guard isCurrent(answer), let isUnsent = session?.trainers[peer]?.isUnsent(answer.number) else {
            counters.staleAnswers += 1
            return
        }
        guard !isUnsent else {
            return lose(peer, because: "it answered call \(answer.number), which was never sent")
        }
        session?.trainers[peer]?.accept(upTo: answer.number, now: now)
        guard session?.trainers[peer]?.sent(answer.number) != nil else {
            counters.repeatedAnswers += 1
            return
        }
        if case .failure(let failure) = answer.result, failure.code == .noSession {
            // The process is there and may join another session, but what it had learnt is gone.
            let name = present[peer]?.trainer.name ?? ""
            directives.append(.note(.warning("trainer '\(name)' is not in the session any more: \(failure.reason)")))
            return fail(TrainerLost(name: name, reason: failure.reason))
        }
        guard let call = session?.trainers[peer]?.remove(answer.number, now: now) else { return }
        // Nothing overtakes on a connection: no answer of a session before comes after this one.
        present[peer]?.lateAnswer = 0
        counters.answers += 1
        directives.append(.finish(call.id, answer.result.mapError { .failed($0) }))
        sendMore(to: peer, now: now)
    }

    /// Nothing of the session counts any more.
    mutating func fail(_ lost: TrainerLost) {
        guard session?.lost == nil else { return }
        session?.lost = lost
        finishAll(.lost(lost))
    }

    /// Ends all calls without an answer.
    mutating func finishAll(_ failure: CallFailure) {
        guard let session else { return }
        let open = session.trainers.values.flatMap { $0.calls.map(\.id) }.sorted()
        for (peer, calls) in session.trainers {
            // What is on its way delays the trainer's beats all the same.
            if let late = present[peer]?.lateAnswer { present[peer]?.lateAnswer = max(late, calls.largestAnswer) }
            self.session?.trainers[peer] = OutstandingCalls()
        }
        for id in open { directives.append(.finish(id, .failure(failure))) }
    }
}
