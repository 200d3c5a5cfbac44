import Wire

extension WorkerMachine {
    /// Says Hello on a new connection: nothing of the last one can be mixed up with it.
    mutating func greet(_ link: Int, now: Moment) {
        guard !isLeaving else {
            links[link].phase = .away(until: nil)
            return
        }
        links[link].phase = .greeting
        links[link].lastHeard = now
        directives.append(.reopen(link: link))
        send(link, .hello(hello), now: now)
    }

    mutating func send(_ link: Int, _ message: WorkerMessage, now: Moment) {
        links[link].lastSent = now
        directives.append(.send(link: link, message))
    }

    /// Forgets the tiles of a session that is over.
    mutating func drop(_ link: Int) {
        queuedTiles -= links[link].queue.count
        queuedBytes -= links[link].queue.reduce(0) { $0 + $1.tile.rows.byteCount }
        counters.droppedResults += UInt64(links[link].queue.count)
        links[link].queue = []
    }

    mutating func tick(now: Moment) {
        guard !hasLeft else { return }
        for link in links.indices {
            switch links[link].phase {
            case .away(let until):
                if let until, until <= now { greet(link, now: now) }
            case .greeting:
                if isSilent(link, now: now) { greet(link, now: now) }
            case .serving:
                if isSilent(link, now: now) {
                    counters.coordinatorsLost += 1
                    directives.append(.note(.warning("lost coordinator \(link): it was silent for \(silence(link))")))
                    drop(link)
                    links[link].phase = .away(until: nil)
                    greet(link, now: now)
                } else if let sent = links[link].lastSent, sent + links[link].beat <= now {
                    send(link, .beat, now: now)
                }
            }
        }
        if let leaveBy, leaveBy <= now { abandon(now: now) }
    }

    /// When `tick` must come next.
    public var nextWake: Moment? {
        guard !hasLeft else { return nil }
        let ofLinks = links.indices.compactMap { link -> Moment? in
            switch links[link].phase {
            case .away(let until): until
            case .greeting: links[link].lastHeard.map { $0 + silence(link) }
            case .serving:
                [links[link].lastHeard.map { $0 + silence(link) }, links[link].lastSent.map { $0 + links[link].beat }]
                    .compactMap { $0 }.min()
            }
        }.min()
        return [ofLinks, leaveBy].compactMap { $0 }.min()
    }

    private func silence(_ link: Int) -> Duration { links[link].beat * configuration.liveness }

    private func isSilent(_ link: Int, now: Moment) -> Bool {
        links[link].lastHeard.map { $0 + silence(link) <= now } ?? true
    }

    /// Links whose coordinator accepted this worker.
    public var servingLinks: [Int] {
        links.indices.filter { if case .serving = links[$0].phase { true } else { false } }
    }
}
