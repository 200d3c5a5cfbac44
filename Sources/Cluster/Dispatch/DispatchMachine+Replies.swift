import MedMoE
import Wire

/// What workers answer.
extension DispatchMachine {
    /// A reply. Counts as one only if this worker owes exactly this attempt in this session.
    private mutating func settle(_ tile: UInt64, epoch: UInt64, attempt: Int, from peer: PeerIdentity) -> OwedTile? {
        guard let session = workers[peer] else { return nil }
        guard session.epoch == epoch else {
            counters.staleReplies += 1
            return nil
        }
        guard session.owed[tile]?.attempt == attempt, let owed = workers[peer]?.settle(tile) else {
            counters.duplicateReplies += 1
            return nil
        }
        return owed
    }

    /// A reply of a worker is a sign of life of its compute thread, whatever became of the tile.
    private mutating func wakeUp(_ peer: PeerIdentity, now: Moment) {
        workers[peer]?.lastReply = now
        guard workers[peer]?.isStuck == true else { return }
        workers[peer]?.isStuck = false
        directives.append(.note(.info("worker '\(workers[peer]?.name ?? "")' answers again")))
    }

    mutating func take(_ done: TileDone, from peer: PeerIdentity, now: Moment) {
        guard let session = workers[peer],
            let owed = settle(done.tile, epoch: done.epoch, attempt: done.attempt, from: peer)
        else { return }
        defer { placeWaiting(on: peer, now: now) }
        let service = max(owed.sent, session.lastReply ?? owed.sent).duration(to: now).inSeconds
        workers[peer]?.times.record(rows: owed.rows, seconds: service, now: now)
        hedging.record(actual: owed.sent.duration(to: now).inSeconds, expected: owed.expected, now: now)
        wakeUp(peer, now: now)
        guard let state = tiles[done.tile], state.carriers[peer] == done.attempt else {
            counters.lateReplies += 1
            return
        }
        let expected = state.tile.rowCount
        guard done.payload.rows == expected, done.payload.width == configuration.width,
            done.expertRows == (state.tile.metaOnly ? 0 : expected)
        else {
            return refuse(
                done.tile, by: session,
                because: "it answered \(done.payload.rows) × \(done.payload.width) rows (\(done.expertRows) of the expert) to \(expected) × \(configuration.width)",
                now: now)
        }
        // Only here are the payload's bytes read.
        guard let rows = try? done.payload.tensor(), rows.isFinite else {
            return refuse(done.tile, by: session, because: "its rows hold numbers that are not finite", now: now)
        }
        workers[peer]?.faults = 0
        workers[peer]?.tilesDone += 1
        workers[peer]?.rowsDone += UInt64(expected)
        workers[peer]?.rate.add(expected, now: now)
        counters.tilesDone += 1
        counters.rowsDone += UInt64(expected)
        // The second of two that were asked was the faster one.
        if state.carriers.values.contains(where: { $0 < done.attempt }) { counters.hedgesWon += 1 }
        meter.answered(
            expert: state.tile.address.expert, rows: done.expertRows, roundTrip: owed.sent.duration(to: now),
            computeNanoseconds: done.computeNanoseconds, now: now)
        tiles[done.tile]?.carriers[peer] = nil
        complete(
            done.tile,
            TileResult(
                rows: rows, shares: [.init(worker: session.name, rows: expected, computeNanoseconds: done.computeNanoseconds)],
                expertRows: done.expertRows, degraded: state.tile.metaOnly),
            now: now)
    }

    mutating func take(_ failed: TileFailed, from peer: PeerIdentity, now: Moment) {
        guard let session = workers[peer],
            settle(failed.tile, epoch: failed.epoch, attempt: failed.attempt, from: peer) != nil
        else { return }
        defer { placeWaiting(on: peer, now: now) }
        wakeUp(peer, now: now)
        guard let state = tiles[failed.tile], state.carriers[peer] == failed.attempt else {
            counters.lateReplies += 1
            return
        }
        let soon = now + configuration.probe
        switch failed.code {
        case .queueFull, .expired, .forgotten:
            // No fault of the tile. It may go there again, but not at once.
            workers[peer]?.pausedUntil = soon
            wake(at: soon)
        case .leaving: markLeaving(peer, now: now)
        case .notHeld:
            // It dropped the expert while the tile was on its way; what it said before no longer holds.
            unlist(state.tile.address, of: peer, now: now)
        case .unknown, .malformed, .compute: return refuse(failed.tile, by: session, because: failed.reason, now: now)
        }
        release(failed.tile, from: peer, because: failed.reason, now: now)
    }

    /// This run of this worker will not get this tile again. One whose replies are wrong again and again gets a pause.
    private mutating func refuse(_ id: UInt64, by session: WorkerSession, because reason: String, now: Moment) {
        counters.refusedTiles += 1
        directives.append(.note(.warning("worker '\(session.name)' failed a tile: \(reason)")))
        tiles[id]?.refusedBy.insert(session.incarnation)
        let faults = session.faults + 1
        workers[session.identity]?.faults = faults
        if faults >= 3 {
            let end = now + min(configuration.longestQuarantine, configuration.probe * (1 << min(12, faults)))
            workers[session.identity]?.pausedUntil = end
            wake(at: end)
        }
        release(id, from: session.identity, because: "worker '\(session.name)': \(reason)", isFault: true, now: now)
    }

    /// A worker does not have a tile any more; unless another one has it, it is placed again.
    mutating func release(_ id: UInt64, from peer: PeerIdentity, because reason: String, isFault: Bool = false, now: Moment) {
        guard tiles[id]?.carriers.removeValue(forKey: peer) != nil else { return }
        counters.redispatched += 1
        if let (other, _) = tiles[id]?.carriers.first, workers[other]?.owed[id]?.isLate == true {
            // The one that was to help out is gone: somebody else may.
            workers[other]?.owed[id]?.isLate = false
            workers[other]?.owed[id]?.lateAt = now
            wake(at: now)
        }
        placeAgain(id, because: reason, isFault: isFault, now: now)
    }
}
