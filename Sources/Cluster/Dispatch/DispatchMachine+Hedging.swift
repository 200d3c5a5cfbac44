import Wire

/// Tiles that take too long are given to a second worker as well; the first valid reply counts.
extension DispatchMachine {
    /// Looks after the late tiles of one worker.
    mutating func helpOut(_ peer: PeerIdentity, now: Moment) {
        guard let session = workers[peer] else { return }
        let late = session.owed.filter { !$0.value.isLate && $0.value.lateAt <= now }
        let again = now + configuration.probe
        for (id, owed) in late.sorted(by: { $0.key < $1.key }) {
            workers[peer]?.owed[id]?.isLate = true
            if session.lastReply.map({ $0 <= owed.sent }) ?? true { callStuck(peer) }
            if !hedge(id, of: peer, now: now), tiles[id]?.carriers[peer] != nil {
                // Nobody can help now; somebody may be able to a little later.
                workers[peer]?.owed[id]?.isLate = false
                workers[peer]?.owed[id]?.lateAt = again
            }
        }
    }

    /// It has not answered anything since it was sent a tile that is late now.
    private mutating func callStuck(_ peer: PeerIdentity) {
        guard let session = workers[peer], !session.isStuck else { return }
        workers[peer]?.isStuck = true
        counters.workersStuck += 1
        directives.append(.note(.info("worker '\(session.name)' is late: what it owes is asked of others too, where there are any")))
    }

    /// - Returns: whether the tile needs no more help.
    private mutating func hedge(_ id: UInt64, of peer: PeerIdentity, now: Moment) -> Bool {
        guard let state = tiles[id], state.carriers[peer] != nil, state.carriers.count == 1 else { return true }
        guard let choice = best(for: id, now: now), workers[choice.identity]?.isStuck == false else { return false }
        // A worker that answers nothing at all must not use up what is meant for slow ones.
        guard workers[peer]?.isStuck == true || hedging.spend() else { return false }
        counters.hedges += 1
        return send(id, to: choice, now: now)
    }
}
