import Wire

extension WorkerMachine {
    /// Takes nothing new, and tells everybody; what is there is finished first.
    mutating func leave(_ reason: String, now: Moment) {
        guard !isLeaving else { return }
        leaveBy = now + configuration.drainTimeout
        directives.append(.note(.info("leaving: \(reason); \(queuedTiles + computing.count) tiles to finish")))
        for link in servingLinks { sayUnready(link, now: now) }
        if configuration.drainTimeout <= .zero, queuedTiles + computing.count > 0 { abandon(now: now) }
    }

    mutating func sayUnready(_ link: Int, now: Moment) {
        guard case .serving(let epoch) = links[link].phase else { return }
        send(link, .unready(Unready(epoch: epoch, reason: "the worker is leaving")), now: now)
    }

    /// The last result is out: goodbye.
    mutating func finishLeaving(now: Moment) {
        guard isLeaving, !hasLeft, computing.isEmpty, queuedTiles == 0 else { return }
        sayGoodbye(now: now)
    }

    /// Time is up: gives back what did not start. For what computes, the goodbye says enough.
    mutating func abandon(now: Moment) {
        guard !hasLeft else { return }
        directives.append(
            .note(.warning("leaving after \(configuration.drainTimeout) with \(queuedTiles + computing.count) tiles unfinished")))
        for link in links.indices {
            for queued in links[link].queue {
                send(
                    link,
                    .tileFailed(
                        TileFailed(
                            epoch: queued.origin.epoch, tile: queued.origin.tile, attempt: queued.origin.attempt,
                            code: .leaving, reason: "the worker is leaving")),
                    now: now)
            }
            drop(link)
        }
        sayGoodbye(now: now)
    }

    private mutating func sayGoodbye(now: Moment) {
        hasLeft = true
        for link in links.indices {
            switch links[link].phase {
            // A Hello may have arrived: its Welcome would find nobody.
            case .serving, .greeting: send(link, .goodbye(reason: "leaving"), now: now)
            case .away: break
            }
            links[link].phase = .away(until: nil)
        }
        directives.append(.left)
    }
}
