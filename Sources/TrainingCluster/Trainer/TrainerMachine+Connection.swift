import Wire

extension TrainerMachine {
    /// Says Hello on a new connection: nothing of the last one can be mixed up with it.
    mutating func greet(now: Moment) {
        link = .open
        lastHeard = now
        lastBeat = now
        directives.append(.reopen)
        directives.append(.send(.hello(configuration.hello)))
    }

    /// How long a coordinator may be silent now.
    private var patience: Duration {
        configuration.beat * configuration.liveness * min(1 << min(greetings, 16), configuration.mostPatience)
    }

    mutating func tick(now: Moment) {
        switch link {
        case .away(let until): if until <= now { greet(now: now) }
        case .open:
            if lastHeard + patience <= now {
                directives.append(.note(.warning("the coordinator was silent for \(patience): connecting again")))
                counters.silences += 1
                greetings += 1
                greet(now: now)
            } else if lastBeat + configuration.beat <= now {
                lastBeat = now
                directives.append(.send(.beat(session?.beat ?? TrainerBeat(session: 0, accepted: 0, answered: 0))))
            }
        case nil: break
        }
    }

    /// When `tick` must come next.
    var nextWake: Moment? {
        guard !hasEnded else { return nil }
        return switch link {
        case .away(let until): until
        case .open: min(lastHeard + patience, lastBeat + configuration.beat)
        case nil: nil
        }
    }

    /// A message that cannot be read was perhaps a call, which would never be answered: better that the coordinator knows.
    mutating func distrust(_ error: WireError, now: Moment) {
        counters.malformed += 1
        guard link == .open else { return }
        directives.append(.note(.warning("the coordinator sent a message that cannot be read: \(error)")))
        directives.append(.send(.goodbye(reason: "a message could not be read: \(error)")))
        endSessionForGood()
        link = .away(until: now + configuration.beat)
    }

    /// Nothing is finished first: without this trainer the session is over anyway.
    mutating func leave(_ reason: String) {
        directives.append(.note(.info("leaving: \(reason)")))
        if link == .open { directives.append(.send(.goodbye(reason: reason))) }
        endSession()
        hasEnded = true
        directives.append(.left)
    }
}
