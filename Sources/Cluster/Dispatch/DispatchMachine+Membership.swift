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
        workers[peer] = WorkerSession(
            identity: peer, incarnation: hello.incarnation, name: hello.name, epoch: epoch,
            holdings: Dictionary(
                hello.holdings.map { (ExpertAddress(layer: $0.layer, expert: $0.expert), $0.digest) }, uniquingKeysWith: { a, _ in a }),
            metas: Dictionary(hello.metas.map { ($0.layer, $0.digest) }, uniquingKeysWith: { a, _ in a }),
            lastHeard: now, lastSent: now)
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
        if let reason = digestObjection(to: hello, from: peer) { return reject(.digestsDiffer, reason) }
        let held = hello.holdings.map { ExpertAddress(layer: $0.layer, expert: $0.expert) }
        guard Set(held).count == held.count else { return reject(.malformed, "an expert is announced twice") }
        guard configuration.required.isEmpty ? !held.isEmpty : held.contains(where: configuration.required.contains) else {
            return reject(.nothingInCommon, "it holds no expert of this model (layers \(Self.layers(configuration.required)))")
        }
        return nil
    }

    /// Compares digests with those of the model, or with those of the workers that are there.
    private func digestObjection(to hello: Hello, from peer: PeerIdentity) -> String? {
        let others = workers.values.filter { $0.identity != peer }.sorted { $0.epoch < $1.epoch }
        for holding in hello.holdings {
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
        for meta in hello.metas {
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
            let metas = Set(hello.metas.map(\.layer))
            if let holding = hello.holdings.first(where: { expected[$0.layer] != nil && !metas.contains($0.layer) }) {
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
            lose(peer, because: "it sent a malformed message: \(error)", now: now)
        } else if case .version = error {
            directives.append(.note(.warning("refused peer \(peer): \(error)")))
        }
        if case .foreign = error { return }
        directives.append(.send(peer, .rejected(Rejection(code: code, reason: error.description))))
    }

    /// A worker is gone; its tiles go to others now.
    mutating func lose(_ peer: PeerIdentity, because reason: String, now: Moment) {
        guard let session = workers[peer] else { return }
        counters.workersLost += 1
        directives.append(
            .note(.warning("lost worker '\(session.name)' (\(session.incarnation)), which owed \(session.owed.count) tiles: \(reason)")))
        end(peer, because: reason, now: now)
    }

    /// Ends a session and places again what it owed.
    private mutating func end(_ peer: PeerIdentity, because reason: String, now: Moment) {
        guard let session = workers.removeValue(forKey: peer) else { return }
        for tile in session.owed.keys.sorted() where tiles[tile]?.worker == peer {
            tiles[tile]?.worker = nil
            counters.redispatched += 1
            placeAgain(tile, because: "worker '\(session.name)': \(reason)", now: now)
        }
    }
}
