import MedMoE
import Tensors
import Wire

extension WorkerMachine {
    mutating func take(_ tile: Tile, _ link: Int, now: Moment) {
        guard case .serving(let epoch) = links[link].phase, epoch == tile.epoch else {
            counters.staleTiles += 1
            return
        }
        func refuse(_ code: TileFailed.Code, _ reason: String) {
            counters.refusedTiles += 1
            send(link, .tileFailed(TileFailed(epoch: epoch, tile: tile.tile, attempt: tile.attempt, code: code, reason: reason)), now: now)
        }
        let address = ExpertAddress(layer: tile.layer, expert: tile.expert)
        guard !isLeaving else { return refuse(.leaving, "the worker is leaving") }
        guard !tile.metaOnly || tile.metaFactors != nil else {
            return refuse(.malformed, "the meta expert alone is wanted, but there are no factors for it")
        }
        guard tile.metaOnly || held.contains(address) else { return refuse(.notHeld, "this worker does not hold \(address)") }
        guard tile.metaFactors == nil || metaLayers.contains(tile.layer) else {
            return refuse(.notHeld, "this worker does not hold the meta expert of layer \(tile.layer)")
        }
        guard tile.payload.width == hello.width else {
            return refuse(.malformed, "rows have width \(tile.payload.width), this worker's experts have \(hello.width)")
        }
        guard tile.deadlineMilliseconds > 0 else { return refuse(.expired, "the deadline has passed") }
        let bytes = tile.payload.rows * tile.payload.width * 4
        guard queuedTiles < configuration.mostQueuedTiles, queuedBytes + bytes <= configuration.mostQueuedBytes else {
            return refuse(.queueFull, "\(queuedTiles) tiles are waiting, with \(queuedBytes) bytes")
        }
        // Only here are the payload's bytes read.
        guard let rows = try? tile.payload.tensor() else { return refuse(.malformed, "the rows cannot be read") }
        var work = ExpertTile(address: address, rows: rows, factors: tile.factors, metaFactors: tile.metaFactors)
        work.metaOnly = tile.metaOnly
        if links[link].queue.isEmpty { share.wakes(link) }
        links[link].queue.append(
            QueuedTile(
                origin: JobOrigin(
                    link: link, epoch: epoch, tile: tile.tile, attempt: tile.attempt, address: address, rows: tile.payload.rows,
                    expertRows: tile.metaOnly ? 0 : tile.payload.rows),
                tile: work, deadline: now + .milliseconds(tile.deadlineMilliseconds)))
        queuedTiles += 1
        queuedBytes += bytes
    }

    /// Nobody waits for a tile any more. One that computes already is computed to its end.
    mutating func take(_ forget: Forget, _ link: Int, now: Moment) {
        guard case .serving(let epoch) = links[link].phase, epoch == forget.epoch,
            let index = links[link].queue.firstIndex(where: { $0.origin.tile == forget.tile && $0.origin.attempt == forget.attempt })
        else { return }
        let queued = links[link].queue.remove(at: index)
        queuedTiles -= 1
        queuedBytes -= queued.tile.rows.byteCount
        counters.forgottenTiles += 1
        send(
            link,
            .tileFailed(
                TileFailed(epoch: epoch, tile: forget.tile, attempt: forget.attempt, code: .forgotten, reason: "as you asked")),
            now: now)
    }

    /// Hands tiles to the compute thread, so that every coordinator that has some gets the same rows.
    mutating func startComputing(now: Moment) {
        while computing.count < configuration.computeDepth, queuedTiles > 0 {
            guard let link = share.next(among: links.indices.filter { !links[$0].queue.isEmpty }) else { return }
            let queued = links[link].queue.removeFirst()
            queuedTiles -= 1
            queuedBytes -= queued.tile.rows.byteCount
            guard queued.deadline > now else {
                fail(queued.origin, .expired, "its turn came after the deadline", now: now)
                continue
            }
            share.charge(link, rows: queued.origin.rows)
            let job = nextJob
            nextJob += 1
            computing[job] = queued.origin
            directives.append(.compute(Job(id: job, tile: queued.tile, deadline: queued.deadline)))
        }
    }

    mutating func take(_ result: Computed, job: UInt64, now: Moment) {
        guard let origin = computing.removeValue(forKey: job) else { return }
        switch result {
        case .expired: fail(origin, .expired, "its turn came after the deadline", now: now)
        case .failed(let reason): fail(origin, .compute, reason, now: now)
        case .rows(let rows, let nanoseconds):
            guard rows.shape == [origin.rows, hello.width], let payload = try? Payload(rows) else {
                fail(origin, .compute, "the result has type \(rows.dtype.rawValue) and shape \(rows.shape), expected F32 [\(origin.rows), \(hello.width)]", now: now)
                break
            }
            guard isCurrent(origin) else { break }
            counters.tilesDone += 1
            send(
                origin.link,
                .tileDone(
                    TileDone(
                        epoch: origin.epoch, tile: origin.tile, attempt: origin.attempt, expertRows: origin.expertRows,
                        computeNanoseconds: nanoseconds, payload: payload)),
                now: now)
        }
    }

    private mutating func fail(_ origin: JobOrigin, _ code: TileFailed.Code, _ reason: String, now: Moment) {
        guard isCurrent(origin) else { return }
        counters.refusedTiles += 1
        send(
            origin.link,
            .tileFailed(TileFailed(epoch: origin.epoch, tile: origin.tile, attempt: origin.attempt, code: code, reason: reason)),
            now: now)
    }

    /// Whether the session that a tile came from still lasts.
    private mutating func isCurrent(_ origin: JobOrigin) -> Bool {
        if case .serving(let epoch) = links[origin.link].phase, epoch == origin.epoch { return true }
        counters.droppedResults += 1
        return false
    }
}
