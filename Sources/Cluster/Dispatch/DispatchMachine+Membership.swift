import MedMoE
import Wire

extension DispatchMachine {
    /// A Hello: welcome the worker, or say why not.
    mutating func greet(_ peer: PeerIdentity, _ hello: Hello, now: Moment) {
        if let rejection = objection(to: hello, from: peer) {
            if workers[peer] != nil { end(peer, because: "its new Hello was refused", now: now) }
            counters.workersRejected += 1
            directives.append(.note(.warning("refused worker '\(hello.name)' (\(hello.incarnation)): \(rejection.reason)")))
            directives.append(.send(peer, .rejected(rejection)))
            return
        }
        // The same run again: its old session is over, whatever it still owes is asked again.
        if workers[peer] != nil { end(peer, because: "it said hello again", now: now) }
        let epoch = nextEpoch
        nextEpoch &+= 1
        let session = WorkerSession(
            identity: peer, incarnation: hello.incarnation, name: hello.name, epoch: epoch,
            rowsAreIndependent: hello.rowsAreIndependent, holdings: Self.digests(hello.holdings), metas: Self.digests(hello.metas),
            lastHeard: now, lastSent: now)
        workers[peer] = session
        holders.insert(session)
        wake(at: now + configuration.beat)
        reviewCoverage(of: session.holdings.keys, now: now)
        counters.workersWelcomed += 1
        directives.append(.note(.info("worker '\(hello.name)' (\(hello.incarnation)) joined with \(hello.holdings.count) experts")))
        directives.append(
            .send(
                peer,
                .welcome(
                    Welcome(
                        coordinator: configuration.coordinator, epoch: epoch,
                        beatMilliseconds: Int(configuration.beat / .milliseconds(1))))))
        placeWaiting(on: peer, now: now)
    }

    private static func digests(_ holdings: [Hello.Holding]) -> [ExpertAddress: ExpertDigest] {
        Dictionary(holdings.map { (ExpertAddress(layer: $0.layer, expert: $0.expert), $0.digest) }, uniquingKeysWith: { a, _ in a })
    }

    private static func digests(_ metas: [Hello.MetaHolding]) -> [Int: ExpertDigest] {
        Dictionary(metas.map { ($0.layer, $0.digest) }, uniquingKeysWith: { a, _ in a })
    }

    private func objection(to hello: Hello, from peer: PeerIdentity) -> Rejection? {
        func reject(_ code: Rejection.Code, _ reason: String) -> Rejection { Rejection(code: code, reason: reason) }
        guard peer == .worker(hello.incarnation) else {
            return reject(.malformed, "the socket's identity is not 'W' and the incarnation")
        }
        guard hello.width == configuration.width else {
            return reject(.widthDiffers, "hidden size \(hello.width), but this model has \(configuration.width): start the worker with a shard of this model")
        }
        guard workers.count < configuration.mostWorkers || workers[peer] != nil else {
            return reject(.overloaded, "there are \(workers.count) workers already, the limit is \(configuration.mostWorkers)")
        }
        return objection(to: hello.holdings, hello.metas, from: peer)
    }

    private func objection(to holdings: [Hello.Holding], _ metas: [Hello.MetaHolding], from peer: PeerIdentity) -> Rejection? {
        func reject(_ code: Rejection.Code, _ reason: String) -> Rejection { Rejection(code: code, reason: reason) }
        if let reason = digestObjection(to: holdings, metas, from: peer) { return reject(.digestsDiffer, reason) }
        let held = holdings.map { ExpertAddress(layer: $0.layer, expert: $0.expert) }
        guard Set(held).count == held.count else { return reject(.malformed, "an expert is announced twice") }
        guard configuration.required.isEmpty ? !held.isEmpty : held.contains(where: configuration.required.contains) else {
            return reject(.nothingInCommon, "it holds no expert of this model (layers \(Self.layers(configuration.required)))")
        }
        return nil
    }

    /// Compares digests with those of the model, or with those of the workers that are there.
    private func digestObjection(
        to holdings: [Hello.Holding], _ announced: [Hello.MetaHolding], from peer: PeerIdentity
    ) -> String? {
        let others = workers.values.filter { $0.identity != peer }.sorted { $0.epoch < $1.epoch }
        for holding in holdings {
            let address = ExpertAddress(layer: holding.layer, expert: holding.expert)
            if let expected = configuration.expectedDigests {
                guard let known = expected[address] else { continue }
                if known != holding.digest {
                    return "other weights for \(address): digest \(holding.digest), this model has \(known)"
                }
            } else if let other = others.first(where: { $0.holdings[address].map { $0 != holding.digest } ?? false }) {
                return "other weights for \(address) than worker '\(other.name)'"
            }
        }
        for meta in announced {
            if let expected = configuration.expectedMetaDigests {
                guard let known = expected[meta.layer] else { continue }
                if known != meta.digest {
                    return "other weights for the meta expert of layer \(meta.layer): digest \(meta.digest), this model has \(known)"
                }
            } else if let other = others.first(where: { $0.metas[meta.layer].map { $0 != meta.digest } ?? false }) {
                return "other weights for the meta expert of layer \(meta.layer) than worker '\(other.name)'"
            }
        }
        // A worker computes the meta expert with the domain expert: it must hold it where the model has one.
        if let expected = configuration.expectedMetaDigests {
            let metas = Set(announced.map(\.layer))
            if let holding = holdings.first(where: { expected[$0.layer] != nil && !metas.contains($0.layer) }) {
                return "it holds layer \(holding.layer) expert \(holding.expert), but not the meta expert of that layer"
            }
        }
        return nil
    }

    private static func layers(_ addresses: Set<ExpertAddress>) -> String {
        Set(addresses.map(\.layer)).sorted().map(String.init).joined(separator: ", ")
    }

    /// Somebody without a session sent something: it is to say Hello.
    mutating func strange(_ peer: PeerIdentity) {
        counters.strangers += 1
        directives.append(.send(peer, .rejected(Rejection(code: .helloFirst, reason: "there is no session: say Hello"))))
    }

    /// An unreadable message. A worker that sends one cannot be trusted with what it has.
    mutating func distrust(_ peer: PeerIdentity, _ error: WireError, now: Moment) {
        counters.malformed += 1
        let code: Rejection.Code = if case .version = error { .protocolVersion } else { .malformed }
        if let session = workers[peer] {
            directives.append(.note(.warning("worker '\(session.name)' sent a malformed message: \(error)")))
            for tile in session.owed.keys { tiles[tile]?.refusedBy.insert(session.incarnation) }
            lose(peer, because: "it sent a malformed message: \(error)", isFault: true, now: now)
        } else if case .version = error {
            directives.append(.note(.warning("refused peer \(peer): \(error)")))
        }
        if case .foreign = error { return }
        directives.append(.send(peer, .rejected(Rejection(code: code, reason: error.description))))
    }

    /// What a worker holds has changed while it serves.
    mutating func take(_ changed: HoldingsChanged, from peer: PeerIdentity, now: Moment) {
        guard let old = workers[peer], old.epoch == changed.epoch, changed.version > old.holdingsVersion else { return }
        if let rejection = objection(to: changed.holdings, changed.metas, from: peer) {
            counters.workersRejected += 1
            lose(peer, because: "it announced what it may not hold: \(rejection.reason)", now: now)
            directives.append(.send(peer, .rejected(rejection)))
            return
        }
        if !old.isLeaving { holders.remove(old) }
        workers[peer]?.holdingsVersion = changed.version
        workers[peer]?.holdings = Self.digests(changed.holdings)
        workers[peer]?.metas = Self.digests(changed.metas)
        if let new = workers[peer], !new.isLeaving {
            holders.insert(new)
            reviewCoverage(of: Set(old.holdings.keys).union(new.holdings.keys), now: now)
        }
        counters.holdingsChanged += 1
        directives.append(.note(.info("worker '\(old.name)' now holds \(changed.holdings.count) experts, before \(old.holdings.count)")))
        placeWaiting(on: peer, now: now)
    }

    /// A worker turned out not to hold an expert that it had announced.
    mutating func unlist(_ address: ExpertAddress, of peer: PeerIdentity, now: Moment) {
        guard let old = workers[peer], old.holdings[address] != nil else { return }
        if !old.isLeaving { holders.remove(old) }
        workers[peer]?.holdings[address] = nil
        if let new = workers[peer], !new.isLeaving { holders.insert(new) }
        reviewCoverage(of: [address], now: now)
    }

    mutating func take(_ unready: Unready, from peer: PeerIdentity, now: Moment) {
        guard let session = workers[peer], session.epoch == unready.epoch, !session.isLeaving else { return }
        directives.append(.note(.info("worker '\(session.name)' is leaving: \(unready.reason)")))
        markLeaving(peer, now: now)
    }

    /// It gets nothing new from now on.
    mutating func markLeaving(_ peer: PeerIdentity, now: Moment) {
        guard let session = workers[peer], !session.isLeaving else { return }
        workers[peer]?.isLeaving = true
        holders.remove(session)
        reviewCoverage(of: session.holdings.keys, now: now)
    }

    /// A worker is gone; its tiles go to others now.
    mutating func lose(_ peer: PeerIdentity, because reason: String, isFault: Bool = false, now: Moment) {
        guard let session = workers[peer] else { return }
        let text = "worker '\(session.name)' (\(session.incarnation)), which owed \(session.owed.count) tiles: \(reason)"
        if session.isLeaving, session.owed.isEmpty {
            counters.workersLeft += 1
            directives.append(.note(.info("parted with \(text)")))
        } else {
            counters.workersLost += 1
            directives.append(.note(.warning("lost \(text)")))
        }
        end(peer, because: reason, isFault: isFault, now: now)
    }

    /// Ends a session and places again what it owed.
    private mutating func end(_ peer: PeerIdentity, because reason: String, isFault: Bool = false, now: Moment) {
        guard let session = workers.removeValue(forKey: peer) else { return }
        if !session.isLeaving {
            holders.remove(session)
            reviewCoverage(of: session.holdings.keys, now: now)
        }
        endAssignments(of: session, because: reason)
        for tile in session.owed.keys.sorted() where tiles[tile]?.carriers[peer] != nil {
            counters.failovers += 1
            release(tile, from: peer, because: "worker '\(session.name)': \(reason)", isFault: isFault, now: now)
        }
    }
}
