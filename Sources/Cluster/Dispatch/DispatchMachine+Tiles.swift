import MedMoE
import Tensors
import Wire

/// The life of a submission: its tiles are split, placed, awaited and put together.
extension DispatchMachine {
    mutating func submit(
        _ id: TicketID, _ submitted: [ExpertTile], deadline: Moment, whenUncovered: WhenUncovered, now: Moment
    ) {
        func refuse(_ error: DispatchError) { directives.append(.finish(id, .failure(error))) }
        guard tickets[id] == nil else { return refuse(.rejected("ticket \(id.value) exists already")) }
        guard !submitted.isEmpty else { return directives.append(.finish(id, .success([]))) }
        for tile in submitted {
            if let reason = objection(to: tile) { return refuse(.rejected("\(tile.address): \(reason)")) }
        }
        guard waitingCount + submitted.count <= configuration.mostWaitingTiles else {
            return refuse(.overloaded("\(waitingCount) tiles are waiting for workers, the limit is \(configuration.mostWaitingTiles)"))
        }
        var ticket = Ticket(
            began: now, deadline: deadline, whenUncovered: whenUncovered, parts: [],
            results: submitted.map { Assembly(rows: $0.rowCount) }, missing: 0)
        let share = evenShare(of: submitted)
        for (index, tile) in submitted.enumerated() {
            for (firstRow, part) in split(tile, evenShare: share) {
                tiles[nextTile] = TileState(ticket: id, index: index, firstRow: firstRow, tile: part)
                ticket.parts.append(nextTile)
                nextTile &+= 1
            }
        }
        ticket.missing = ticket.parts.count
        tickets[id] = ticket
        wake(at: deadline)
        for part in ticket.parts where tiles[part] != nil {
            if !place(part, now: now) { wait(part, now: now) }
        }
        tellOfMissingExperts(ticket.parts, now: now)
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

    // MARK: - Splitting

    /// Rows per worker if all who can help with these tiles at once shared them evenly.
    private func evenShare(of submitted: [ExpertTile]) -> Int {
        let helpers = submitted.reduce(into: Set<PeerIdentity>()) { $0.formUnion(holders.of($1.address)) }
        let ready = helpers.count { workers[$0]?.isIdle ?? false }
        return submitted.reduce(0) { $0 + $1.rowCount } / max(1, ready)
    }

    /// A tile that is much larger than an even share is split among the replicas of its expert that have nothing to do; others
    /// stay whole. Who is busy would not be sooner for it: small parts take longer than their share of the rows.
    ///
    /// This changes no bit, because it is done only when all holders compute each row independently of the others.
    private func split(_ tile: ExpertTile, evenShare: Int) -> [(firstRow: Int, part: ExpertTile)] {
        let replicas = holders.of(tile.address).compactMap { workers[$0] }
        let part = max(evenShare, configuration.fewestRowsOfPart)
        let count = min(replicas.count(where: \.isIdle), (tile.rowCount + part - 1) / part)
        guard count > 1, tile.rowCount >= 2 * configuration.fewestRowsOfPart, replicas.allSatisfy(\.rowsAreIndependent) else {
            return [(0, tile)]
        }
        var parts: [(firstRow: Int, part: ExpertTile)] = []
        for index in 0..<count {
            let rows = tile.rowCount * index / count..<tile.rowCount * (index + 1) / count
            guard let part = tile.part(rows) else { return [(0, tile)] }
            parts.append((rows.lowerBound, part))
        }
        return parts
    }

    // MARK: - Waiting

    /// Keeps a tile until somebody can take it, in the order of submission.
    mutating func wait(_ id: UInt64, now: Moment) {
        guard let address = tiles[id]?.tile.address else { return }
        var queue = waiting[address] ?? []
        queue.insert(id, at: queue.firstIndex { $0 > id } ?? queue.endIndex)
        waiting[address] = queue
        waitingCount += 1
        if holders.of(address).isEmpty { beginMissing(address, now: now) }
    }

    mutating func stopWaiting(_ id: UInt64, _ address: ExpertAddress) {
        guard var queue = waiting[address], let index = queue.firstIndex(of: id) else { return }
        queue.remove(at: index)
        waiting[address] = queue.isEmpty ? nil : queue
        waitingCount -= 1
    }

    /// A worker joined, or has credit again: give it what waits for it.
    mutating func placeWaiting(on peer: PeerIdentity, now: Moment) {
        guard waitingCount > 0, let worker = workers[peer] else { return }
        let candidates = waiting.filter { address, _ in worker.holdings[address] != nil || worker.metas[address.layer] != nil }
            .flatMap(\.value).sorted()
        for id in candidates {
            guard let address = tiles[id]?.tile.address, place(id, now: now) else { continue }
            stopWaiting(id, address)
        }
    }

    /// A tile came back without a result: somebody else, or wait, or fail if all who hold it refused it.
    ///
    /// - Parameter isFault: a worker failed it, which another one might do as well. When no worker is left that did not, waiting is
    ///   in vain; a tile whose worker was lost waits for one that may come.
    mutating func placeAgain(_ id: UInt64, because reason: String, isFault: Bool, now: Moment) {
        guard let state = tiles[id], state.carriers.isEmpty else { return }
        if place(id, now: now) { return }
        let able = candidates(for: state.tile).compactMap { workers[$0] }
        if isFault, able.allSatisfy({ state.refusedBy.contains($0.incarnation) }) {
            finish(state.ticket, .failure(.rejected("\(state.tile.address): \(reason)")), now: now)
        } else {
            wait(id, now: now)
            tellOfMissingExperts([id], now: now)
        }
    }

    // MARK: - The end

    /// The result of a part.
    mutating func complete(_ id: UInt64, _ result: TileResult, now: Moment) {
        guard let state = tiles.removeValue(forKey: id) else { return }
        for (peer, attempt) in state.carriers.sorted(by: { $0.key < $1.key }) { forget(id, attempt, at: peer) }
        tickets[state.ticket]?.results[state.index].add(result, from: state.firstRow)
        tickets[state.ticket]?.missing -= 1
        guard let ticket = tickets[state.ticket], ticket.missing == 0 else { return }
        do {
            finish(state.ticket, .success(try ticket.results.map { try $0.result(width: configuration.width) }), now: now)
        } catch {
            finish(state.ticket, .failure(.rejected("the parts of a tile do not fit together: \(error)")), now: now)
        }
    }

    /// The one place where a ticket ends.
    mutating func finish(_ id: TicketID, _ result: Result<[TileResult], DispatchError>, now: Moment) {
        guard let ticket = tickets.removeValue(forKey: id) else { return }
        for tile in ticket.parts {
            guard let state = tiles.removeValue(forKey: tile) else { continue }
            if state.carriers.isEmpty { stopWaiting(tile, state.tile.address) }
            for (peer, attempt) in state.carriers.sorted(by: { $0.key < $1.key }) { forget(tile, attempt, at: peer) }
        }
        if case .success = result { meter.waited(ticket.began.duration(to: now), now: now) }
        directives.append(.finish(id, result))
    }

    /// Saves a worker the trouble of a tile that nobody waits for; it still answers, and owes that answer.
    private mutating func forget(_ tile: UInt64, _ attempt: Int, at peer: PeerIdentity) {
        guard let session = workers[peer], session.owed[tile]?.attempt == attempt else { return }
        directives.append(.send(peer, .forget(Forget(epoch: session.epoch, tile: tile, attempt: attempt))))
    }
}

extension ExpertTile {
    /// Some of its rows, as a tile of their own that shares the memory; nil when there are no such rows.
    fileprivate func part(_ range: Range<Int>) -> ExpertTile? {
        let width = rows.shape.last ?? 0
        guard
            let view = try? Tensor(
                dtype: rows.dtype, shape: [range.count, width], storage: rows.storage,
                byteOffset: rows.byteOffset + range.lowerBound * width * MemoryLayout<Float>.size)
        else { return nil }
        return ExpertTile(
            address: address, rows: view, factors: Array(factors[range]), metaFactors: metaFactors.map { Array($0[range]) })
    }
}
