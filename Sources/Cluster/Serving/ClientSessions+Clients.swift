import MedMoE
import Wire

extension ClientSessions {
    // MARK: - Clients that come and go

    mutating func answerBeat(of peer: PeerIdentity, _ requests: [String]) {
        directives.append(.send(peer, .beat))
        for id in requests where !(runs[id]?.listeners.contains(peer) ?? false) {
            refuse(
                id, peer, .unavailable,
                "the coordinator does not know request '\(id)': it was restarted, or lost sight of the client; ask again",
                retryAfter: .milliseconds(100))
        }
    }

    /// A client does not want a request any more.
    mutating func leave(_ id: String, _ peer: PeerIdentity) {
        guard var run = runs[id], run.listeners.remove(peer) != nil else { return }
        forget(id, peer)
        runs[id] = run
        guard run.listeners.isEmpty else { return }
        runs[id] = nil
        requestOf[run.id] = nil
        waiting.removeAll { $0 == id }
        counters.cancelled += 1
        if run.isRunning { directives.append(.cancel(run.id)) }
    }

    mutating func forget(_ id: String, _ peer: PeerIdentity) {
        peers[peer]?.requests.remove(id)
        if peers[peer]?.requests.isEmpty ?? false { peers[peer] = nil }
    }

    mutating func vanish(_ peer: PeerIdentity, because reason: String) {
        guard let state = peers[peer] else { return }
        counters.vanished += 1
        directives.append(.note(.info("client \(peer) with \(state.requests.count) requests is gone: \(reason)")))
        for id in state.requests.sorted() { leave(id, peer) }
    }

    // MARK: - Time

    mutating func tick(now: Moment) {
        for (peer, state) in peers.sorted(by: { $0.key < $1.key }) {
            if state.lastHeard + configuration.beat * configuration.liveness <= now {
                vanish(peer, because: "it was silent for \(configuration.beat * configuration.liveness)")
            } else if state.lastSent + configuration.probe <= now {
                peers[peer]?.lastSent = now
                directives.append(.send(peer, .probe))
            }
        }
        for (id, run) in runs.sorted(by: { $0.key < $1.key }) where latest(run) <= now {
            if run.isRunning { directives.append(.cancel(run.id)) }
            conclude(id, .failure(AnswerError(.deadline, "the deadline passed")), now: now)
        }
        if let drainsUntil, drainsUntil <= now, !saidDrained { close("the coordinator is shutting down and had no more time", now: now) }
    }

    private func latest(_ run: Run) -> Moment { run.isRunning ? run.deadline + configuration.grace : run.deadline }

    /// When `tick` must come next.
    public var nextWake: Moment? {
        let silence = configuration.beat * configuration.liveness
        let ofPeers = peers.values.map { min($0.lastHeard + silence, $0.lastSent + configuration.probe) }.min()
        let ofRuns = runs.values.map(latest).min()
        return [ofPeers, ofRuns, saidDrained ? nil : drainsUntil].compactMap { $0 }.min()
    }
}
