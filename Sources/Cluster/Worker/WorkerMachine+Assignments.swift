import MedMoE
import Wire

/// A change of what is held, under way.
struct Reassignment {
    enum Phase: Equatable {
        case loading
        /// New holdings are announced; tiles of the dropped experts are still computed.
        case clearing
        case unloading
    }

    let link: Int
    let epoch: UInt64
    let assignment: UInt64
    let drop: Set<Int>
    var phase = Phase.loading
}

// Load, announce, finish what the dropped experts still have, unload, report: at no moment a coordinator is told of an
// expert that cannot compute, and no tile that was taken is given back.
extension WorkerMachine {
    mutating func take(_ assign: Assign, _ link: Int, now: Moment) {
        guard case .serving(let epoch) = links[link].phase, epoch == assign.epoch else { return }
        let busy: String? =
            if isLeaving { "the worker is leaving" } else if reassignment != nil { "busy: another assignment is under way, try again later" } else { nil }
        if let busy {
            send(link, .assigned(Assigned(epoch: epoch, assignment: assign.assignment, failure: busy)), now: now)
            return
        }
        reassignment = Reassignment(link: link, epoch: epoch, assignment: assign.assignment, drop: Set(assign.drop))
        directives.append(.load(add: Set(assign.add), drop: Set(assign.drop)))
    }

    mutating func take(_ result: Result<WorkerHoldings, AssignmentError>, now: Moment) {
        guard reassignment?.phase == .loading else { return }
        switch result {
        case .failure(let error): finishReassignment(error.description, now: now)
        case .success(let holdings):
            let next = hello.holding(holdings)
            guard (try? WorkerMessage.hello(next).encoded()) != nil else {
                directives.append(.unload(Set(holdings.experts.keys.map(\.expert)).subtracting(held.map(\.expert))))
                return finishReassignment("\(holdings.experts.count) experts in all layers are more than a Hello can name", now: now)
            }
            hold(next)
            holdingsVersion += 1
            reassignment?.phase = .clearing
            directives.append(.note(.info("holding experts \(Set(holdings.experts.keys.map(\.expert)).sorted()) from now on")))
            for link in links.indices {
                switch links[link].phase {
                case .serving: announce(link, now: now)
                case .greeting: links[link].isOutdated = true
                case .away: break
                }
            }
        }
    }

    /// Says on a link that is served what is held now.
    mutating func announce(_ link: Int, now: Moment) {
        guard case .serving(let epoch) = links[link].phase else { return }
        send(link, .holdings(HoldingsChanged(epoch: epoch, version: holdingsVersion, holdings: hello.holdings, metas: hello.metas)), now: now)
    }

    /// Dropped experts go when the last tile that was taken for them is computed.
    mutating func unloadWhatNobodyNeeds() {
        guard let reassignment, reassignment.phase == .clearing else { return }
        let needed = computing.values.contains { reassignment.drop.contains($0.address.expert) }
            || links.contains { $0.queue.contains { reassignment.drop.contains($0.origin.address.expert) } }
        guard !needed else { return }
        self.reassignment?.phase = .unloading
        directives.append(.unload(reassignment.drop))
    }

    /// The one place where an assignment ends.
    mutating func finishReassignment(_ failure: String?, now: Moment) {
        guard let reassignment, failure != nil || reassignment.phase == .unloading else { return }
        self.reassignment = nil
        guard case .serving(let epoch) = links[reassignment.link].phase, epoch == reassignment.epoch else { return }
        send(
            reassignment.link, .assigned(Assigned(epoch: epoch, assignment: reassignment.assignment, failure: failure)), now: now)
    }
}
