import Wire

extension TrainerSessions.Configuration {
    /// How long a trainer may take for a call, from the moment when it is the call's turn.
    ///
    /// - Parameter largestTensor: bytes of the largest tensor of the session's network.
    func limit(of call: TrainerCall, largestTensor: Int) -> Duration {
        if call.opensSession { return openPatience }
        let bytes = call.numberBytes + call.answerBytes(largestTensor: largestTensor)
        return callPatience + .seconds(Double(call.rows) / Double(slowestRows)) + .seconds(Double(bytes) / Double(slowestLink))
    }
}

/// Beats come from the I/O thread: they go on when the compute thread hangs. So calls have a limit of their own.
extension TrainerSessions {
    /// When a trainer must have answered the call whose turn it is; nil while it owes nothing.
    func deadline(of peer: PeerIdentity) -> Moment? { turn(of: peer).map { $0.since + $0.limit } }

    mutating func loseIfOverdue(_ peer: PeerIdentity, now: Moment) {
        guard let (call, since, limit) = turn(of: peer), since + limit <= now else { return }
        // It would say Hello again, and the next session would hang as this one did.
        stuck.insert(peer)
        lose(
            peer,
            because: "it says that it is alive, but did not answer call \(call.number) (\(call.call.kind.rawValue)) within \(limit): see what it does, and start it again")
    }

    /// The call that a trainer ought to be busy with, since when, and how long it may take.
    private func turn(of peer: PeerIdentity) -> (call: OutstandingCall, since: Moment, limit: Duration)? {
        guard let calls = session?.trainers[peer], let (call, since) = calls.current else { return nil }
        return (call, since, configuration.limit(of: call.call, largestTensor: calls.largestTensor))
    }
}
