import MedMoE
import Wire

/// Which worker gets a tile.
extension DispatchMachine {
    /// Workers that could compute a tile now or later.
    func candidates(for tile: ExpertTile) -> Set<PeerIdentity> {
        tile.metaOnly ? holders.ofMeta(layer: tile.address.layer) : holders.of(tile.address)
    }

    /// Sends a tile to the worker that will probably be finished with it first.
    ///
    /// - Returns: false when there is none now.
    mutating func place(_ id: UInt64, now: Moment) -> Bool {
        guard tiles[id] != nil else { return true }
        guard let best = best(for: id, now: now) else { return false }
        return send(id, to: best, now: now)
    }

    /// Of the workers that hold the expert and have credit left: of those that will be finished first, or nearly so, the one
    /// that had least to do lately. So replicas share the work by the time that it takes them, not by rows, and none is
    /// forgotten because another was measured a little faster. A stuck one only when there is no other.
    func best(for id: UInt64, now: Moment) -> ReplicaRank? {
        guard let state = tiles[id], let ticket = tickets[state.ticket], ticket.deadline > now else { return nil }
        let rows = state.tile.rowCount
        let able = candidates(for: state.tile).compactMap { workers[$0] }
        // What others take is the best guess for a worker that was not timed yet.
        let usual = able.compactMap { $0.times.seconds(rows: rows, now: now) }.min() ?? ServiceTimes.guess(rows: rows)
        let ready: [ReplicaRank] = able.compactMap { worker in
            guard worker.owed[id] == nil, !state.refusedBy.contains(worker.incarnation), !worker.isPaused(now: now),
                worker.owedBytes == 0 || worker.owedBytes + state.byteCount <= configuration.creditBytes
            else { return nil }
            return ReplicaRank(worker, estimate: worker.times.seconds(rows: rows, now: now) ?? usual, now: now)
        }
        let answering = ready.filter { !$0.isStuck }
        let choices = answering.isEmpty ? ready : answering
        guard let soonest = choices.map(\.finish).min() else { return nil }
        return choices.filter { $0.finish <= soonest * ReplicaRank.nearlyAsSoon }.min()
    }

    /// Sends a tile to a worker that was chosen for it.
    ///
    /// - Returns: false when its rows cannot be sent at all.
    mutating func send(_ id: UInt64, to choice: ReplicaRank, now: Moment) -> Bool {
        guard let state = tiles[id], let ticket = tickets[state.ticket], let session = workers[choice.identity],
            let payload = try? Payload(state.tile.rows)
        else { return false }
        let attempt = state.attempts + 1
        let lateAt = now + hedging.delay(expected: choice.finish, now: now)
        wake(at: min(lateAt, now + configuration.probe))
        tiles[id]?.attempts = attempt
        tiles[id]?.carriers[choice.identity] = attempt
        workers[choice.identity]?.owe(
            id,
            OwedTile(
                attempt: attempt, expert: state.tile.address.expert, rows: state.tile.rowCount, bytes: state.byteCount,
                deadline: ticket.deadline, sent: now, estimate: choice.estimate, expected: choice.finish,
                lateAt: lateAt))
        workers[choice.identity]?.recentWork.add(choice.estimate, now: now)
        workers[choice.identity]?.lastSent = now
        counters.tilesSent += 1
        hedging.earn()
        directives.append(
            .send(
                choice.identity,
                .tile(
                    Tile(
                        epoch: session.epoch, tile: id, attempt: attempt, layer: state.tile.address.layer,
                        expert: state.tile.address.expert,
                        // Rounded up: a worker must not give up before we do.
                        deadlineMilliseconds: Int(min(now.duration(to: ticket.deadline), .seconds(2_000_000)) / .milliseconds(1)) + 1,
                        factors: state.tile.factors, metaFactors: state.tile.metaFactors, metaOnly: state.tile.metaOnly,
                        payload: payload))))
        return true
    }
}

extension WorkerSession {
    func isPaused(now: Moment) -> Bool { pausedUntil.map { $0 > now } ?? false }
}
