import MedMoE
import Wire

extension DispatchMachine {
    mutating func tick(now: Moment) {
        for (peer, session) in workers.sorted(by: { $0.value.epoch < $1.value.epoch }) {
            if session.lastHeard + silence <= now {
                lose(peer, because: "it was silent for \(silence)", now: now)
            } else if session.owed.values.contains(where: { $0.deadline + configuration.overdue <= now }) {
                directives.append(.send(peer, .rejected(Rejection(code: .helloFirst, reason: "a reply is long overdue"))))
                lose(peer, because: "a reply is long overdue", now: now)
            } else {
                keepInTouch(session, now: now)
            }
        }
        for (id, ticket) in tickets.sorted(by: { $0.key.value < $1.key.value }) where ticket.deadline <= now {
            expire(id, ticket, now: now)
        }
        for session in workers.values.sorted(by: { $0.epoch < $1.epoch }) {
            if let pause = session.pausedUntil, pause <= now {
                workers[session.identity]?.pausedUntil = nil
                placeWaiting(on: session.identity, now: now)
            }
            helpOut(session.identity, now: now)
        }
        giveUpOnMissingExperts(now: now)
        nextWake = earliestWake
    }

    /// Something will want a tick then.
    mutating func wake(at moment: Moment) { nextWake = nextWake.map { min($0, moment) } ?? moment }

    /// When something wants a tick first. Overdue replies need no time of their own: who owes one is probed anyway.
    ///
    /// Looks at everything, so it is asked for once per tick; in between, `wake(at:)` brings `nextWake` forward.
    var earliestWake: Moment? {
        var next: Moment?
        func consider(_ moment: Moment) { next = next.map { min($0, moment) } ?? moment }
        for session in workers.values {
            consider(session.lastHeard + silence)
            consider(session.lastSent + (session.owed.isEmpty ? configuration.beat : configuration.probe))
            if let pause = session.pausedUntil { consider(pause) }
            for owed in session.owed.values where !owed.isLate { consider(owed.lateAt) }
        }
        for ticket in tickets.values { consider(ticket.deadline) }
        for (address, since) in uncoveredSince where !givenUp.contains(address) { consider(since + configuration.patience) }
        return next
    }

    /// Silence that makes a worker lost.
    private var silence: Duration { configuration.beat * configuration.liveness }

    /// Who owes a reply is probed, so that its death is noticed by a failing send; others get beats. A little early rather than in
    /// a tick of its own: hundreds of workers want few ticks.
    private mutating func keepInTouch(_ session: WorkerSession, now: Moment) {
        let interval = session.owed.isEmpty ? configuration.beat : configuration.probe
        guard session.lastSent + interval <= now + interval / 4 else { return }
        workers[session.identity]?.lastSent = now
        directives.append(.send(session.identity, session.owed.isEmpty ? .beat : .probe))
    }

    /// Something comes at least every beat while there are workers. When much more time has passed, it is this process that
    /// slept (it was stopped, or the machine was): its silence must not count as theirs.
    mutating func forgiveOwnSleep(now: Moment) {
        defer { lastEvent = max(now, lastEvent ?? now) }
        guard let lastEvent, !workers.isEmpty else { return }
        let slept = lastEvent.duration(to: now) - configuration.beat
        guard slept > configuration.beat / 2 else { return }
        for peer in workers.keys {
            workers[peer]?.lastHeard += slept
            for tile in workers[peer]?.owed.keys.map({ $0 }) ?? [] { workers[peer]?.owed[tile]?.lateAt += slept }
        }
    }

    /// The deadline of a ticket passed: name the experts that nobody holds, or else those that did not answer.
    private mutating func expire(_ id: TicketID, _ ticket: Ticket, now: Moment) {
        let unfinished = Set(ticket.parts.compactMap { tiles[$0]?.tile.address })
        let lost = missing(of: unfinished)
        // Whoever reads this has to bring back all that are gone, not only those that these tiles wanted.
        let missing = Set(lost).union(missing(of: configuration.required))
        finish(id, .failure(lost.isEmpty ? .deadline(unfinished.sorted()) : .expertsLost(missing.sorted())), now: now)
    }
}
