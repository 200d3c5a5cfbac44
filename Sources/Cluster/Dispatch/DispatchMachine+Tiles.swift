import MedMoE
import Wire

extension DispatchMachine {
    mutating func submit(_ id: TicketID, _ submitted: [ExpertTile], deadline: Moment, now: Moment) {
        func refuse(_ reason: String) { directives.append(.finish(id, .failure(.rejected(reason)))) }
        guard tickets[id] == nil else { return refuse("ticket \(id.value) exists already") }
        guard !submitted.isEmpty else { return directives.append(.finish(id, .success([]))) }
        for tile in submitted {
            if let reason = objection(to: tile) { return refuse("\(tile.address): \(reason)") }
        }
        guard waitingCount + submitted.count <= configuration.mostWaitingTiles else {
            return refuse("\(waitingCount) tiles are waiting for workers, the limit is \(configuration.mostWaitingTiles)")
        }
        let ids = submitted.map { _ in
            defer { nextTile &+= 1 }
            return nextTile
        }
        tickets[id] = Ticket(
            deadline: deadline, tiles: ids, results: Array(repeating: nil, count: submitted.count), missing: submitted.count)
        for (index, (tileID, tile)) in zip(ids, submitted).enumerated() {
            tiles[tileID] = TileState(ticket: id, index: index, tile: tile)
            if !place(tileID, now: now) { wait(tileID) }
        }
    }

    private func objection(to tile: ExpertTile) -> String? {
        let shape = tile.rows.shape
        guard tile.rows.dtype == .float32, shape.count == 2, shape[0] == tile.rowCount, shape[1] == configuration.width else {
            return "rows \(tile.rows.dtype.rawValue) \(shape) are not float32 [\(tile.rowCount), \(configuration.width)]"
        }
        guard (1...ExpertTile.rowLimit(width: configuration.width)).contains(tile.rowCount) else {
            return "\(tile.rowCount) rows, a tile has 1 to \(ExpertTile.rowLimit(width: configuration.width))"
        }
        guard tile.metaFactors?.count ?? tile.rowCount == tile.rowCount else {
            return "\(tile.metaFactors?.count ?? 0) meta factors for \(tile.rowCount) rows"
        }
        guard tile.factors.allSatisfy(\.isFinite), tile.metaFactors?.allSatisfy(\.isFinite) ?? true else {
            return "a factor is not finite"
        }
        return nil
    }

    /// Sends a tile to the worker with the fewest outstanding rows that holds the expert and has credit left.
    ///
    /// - Returns: false when there is none now.
    mutating func place(_ id: UInt64, now: Moment) -> Bool {
        guard let state = tiles[id], let ticket = tickets[state.ticket] else { return true }
        let left = now.duration(to: ticket.deadline)
        guard left > .zero else { return false }
        let best = workers.values.filter { worker in
            worker.holdings[state.tile.address] != nil && !worker.isLeaving
                && !state.refusedBy.contains(worker.incarnation) && worker.pausedUntil.map { $0 <= now } ?? true
                && (worker.owedBytes == 0 || worker.owedBytes + state.byteCount <= configuration.creditBytes)
        }.min { a, b in
            (a.owedRows, a.rowsGiven, a.name, a.epoch) < (b.owedRows, b.rowsGiven, b.name, b.epoch)
        }
        guard let best, let payload = try? Payload(state.tile.rows) else { return false }
        let attempt = state.attempt + 1
        tiles[id]?.attempt = attempt
        tiles[id]?.worker = best.identity
        workers[best.identity]?.owed[id] = OwedTile(
            attempt: attempt, rows: state.tile.rowCount, bytes: state.byteCount, deadline: ticket.deadline)
        workers[best.identity]?.owedRows += state.tile.rowCount
        workers[best.identity]?.owedBytes += state.byteCount
        workers[best.identity]?.rowsGiven += state.tile.rowCount
        workers[best.identity]?.lastSent = now
        counters.tilesSent += 1
        directives.append(
            .send(
                best.identity,
                .tile(
                    Tile(
                        epoch: best.epoch, tile: id, attempt: attempt, layer: state.tile.address.layer,
                        expert: state.tile.address.expert,
                        // Rounded up: a worker must not give up before we do.
                        deadlineMilliseconds: Int(min(left, .seconds(2_000_000)) / .milliseconds(1)) + 1,
                        factors: state.tile.factors, metaFactors: state.tile.metaFactors, payload: payload))))
        return true
    }

    /// Keeps a tile until somebody can take it, in the order of submission.
    private mutating func wait(_ id: UInt64) {
        guard let address = tiles[id]?.tile.address else { return }
        var queue = waiting[address] ?? []
        queue.insert(id, at: queue.firstIndex { $0 > id } ?? queue.endIndex)
        waiting[address] = queue
        waitingCount += 1
    }

    private mutating func stopWaiting(_ id: UInt64, _ address: ExpertAddress) {
        guard var queue = waiting[address], let index = queue.firstIndex(of: id) else { return }
        queue.remove(at: index)
        waiting[address] = queue.isEmpty ? nil : queue
        waitingCount -= 1
    }

    /// A worker joined, or has credit again: give it what waits for it.
    mutating func placeWaiting(on peer: PeerIdentity, now: Moment) {
        guard let worker = workers[peer], waitingCount > 0 else { return }
        let candidates = waiting.keys.filter { worker.holdings[$0] != nil }.flatMap { waiting[$0] ?? [] }.sorted()
        for id in candidates {
            guard let address = tiles[id]?.tile.address, place(id, now: now) else { continue }
            stopWaiting(id, address)
        }
    }

    /// A tile came back without a result: somebody else, or wait, or fail if all who hold it refused it.
    mutating func placeAgain(_ id: UInt64, because reason: String, now: Moment) {
        guard let state = tiles[id] else { return }
        if place(id, now: now) { return }
        let holders = workers.values.filter { $0.holdings[state.tile.address] != nil && !$0.isLeaving }
        if !state.refusedBy.isEmpty, holders.allSatisfy({ state.refusedBy.contains($0.incarnation) }) {
            finish(state.ticket, .failure(.rejected("\(state.tile.address): \(reason)")))
        } else {
            wait(id)
        }
    }

    /// A reply. Counts as one only if this worker owes exactly this attempt in this session.
    private mutating func settle(_ tile: UInt64, epoch: UInt64, attempt: Int, from peer: PeerIdentity) -> Bool {
        guard let session = workers[peer] else { return false }
        guard session.epoch == epoch else {
            counters.staleReplies += 1
            return false
        }
        guard let owed = session.owed[tile], owed.attempt == attempt else {
            counters.duplicateReplies += 1
            return false
        }
        workers[peer]?.owed[tile] = nil
        workers[peer]?.owedRows -= owed.rows
        workers[peer]?.owedBytes -= owed.bytes
        return true
    }

    mutating func take(_ done: TileDone, from peer: PeerIdentity, now: Moment) {
        guard settle(done.tile, epoch: done.epoch, attempt: done.attempt, from: peer), let session = workers[peer] else { return }
        defer { placeWaiting(on: peer, now: now) }
        guard let state = tiles[done.tile], state.worker == peer else {
            counters.lateReplies += 1
            return
        }
        let expected = state.tile.rowCount
        guard done.payload.rows == expected, done.payload.width == configuration.width, done.expertRows == expected else {
            return refuse(
                done.tile, by: session,
                because: "it answered \(done.payload.rows) × \(done.payload.width) rows (\(done.expertRows) of the expert) to \(expected) × \(configuration.width)",
                now: now)
        }
        // Only here are the payload's bytes read.
        guard let rows = try? done.payload.tensor(), rows.isFinite else {
            return refuse(done.tile, by: session, because: "its rows hold numbers that are not finite", now: now)
        }
        workers[peer]?.tilesDone += 1
        workers[peer]?.rowsDone += UInt64(expected)
        counters.tilesDone += 1
        counters.rowsDone += UInt64(expected)
        tiles[done.tile] = nil
        tickets[state.ticket]?.results[state.index] = TileResult(
            rows: rows, worker: session.name, expertRows: done.expertRows, computeNanoseconds: done.computeNanoseconds)
        tickets[state.ticket]?.missing -= 1
        if let ticket = tickets[state.ticket], ticket.missing == 0 {
            finish(state.ticket, .success(ticket.results.compactMap { $0 }))
        }
    }

    mutating func take(_ failed: TileFailed, from peer: PeerIdentity, now: Moment) {
        guard settle(failed.tile, epoch: failed.epoch, attempt: failed.attempt, from: peer), let session = workers[peer] else { return }
        defer { placeWaiting(on: peer, now: now) }
        guard let state = tiles[failed.tile], state.worker == peer else {
            counters.lateReplies += 1
            return
        }
        switch failed.code {
        case .queueFull, .expired, .forgotten:
            // No fault of the tile. It may go there again, but not at once.
            workers[peer]?.pausedUntil = now + configuration.probe
            tiles[failed.tile]?.worker = nil
            counters.redispatched += 1
            placeAgain(failed.tile, because: failed.reason, now: now)
        case .leaving:
            workers[peer]?.isLeaving = true
            tiles[failed.tile]?.worker = nil
            counters.redispatched += 1
            placeAgain(failed.tile, because: failed.reason, now: now)
        case .unknown, .notHeld, .malformed, .compute:
            refuse(failed.tile, by: session, because: failed.reason, now: now)
        }
    }

    /// This run of this worker will not get this tile again.
    private mutating func refuse(_ id: UInt64, by session: WorkerSession, because reason: String, now: Moment) {
        counters.refusedTiles += 1
        directives.append(.note(.warning("worker '\(session.name)' failed a tile: \(reason)")))
        tiles[id]?.worker = nil
        tiles[id]?.refusedBy.insert(session.incarnation)
        counters.redispatched += 1
        placeAgain(id, because: "worker '\(session.name)': \(reason)", now: now)
    }

    /// The one place where a ticket ends.
    mutating func finish(_ id: TicketID, _ result: Result<[TileResult], DispatchError>) {
        guard let ticket = tickets.removeValue(forKey: id) else { return }
        for tile in ticket.tiles {
            guard let state = tiles.removeValue(forKey: tile) else { continue }
            if state.worker == nil { stopWaiting(tile, state.tile.address) }
        }
        directives.append(.finish(id, result))
    }
}
