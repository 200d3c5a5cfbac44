import MedMoE
import Wire

/// Workers that load and unload experts while they serve.
extension DispatchMachine {
    mutating func assign(_ id: AssignmentID, worker name: String, add: [Int], drop: [Int], now: Moment) {
        func fail(_ reason: String, experts: [Int] = []) { directives.append(.assigned(id, failure: reason, experts: experts)) }
        let named = workers.values.filter { $0.name == name }
        let meant = named.isEmpty && name.count >= 4 ? workers.values.filter { $0.run.hasPrefix(name) } : named
        guard let session = meant.first else {
            let known = workers.values.map(\.name).sorted().prefix(20).joined(separator: ", ")
            return fail("there is no worker '\(name)'; there are: \(known.isEmpty ? "none" : known)")
        }
        guard meant.count == 1 else {
            return fail("\(meant.count) workers are called '\(name)': say which by its run, \(meant.map(\.run).sorted().joined(separator: " or "))")
        }
        let held = session.experts
        guard !session.isLeaving else { return fail("worker '\(name)' is leaving", experts: held) }
        guard Set(add).isDisjoint(with: drop) else { return fail("an expert is to be added and dropped at once", experts: held) }
        let known = Set(configuration.required.map(\.expert))
        if let odd = (add + drop).first(where: { !known.isEmpty && !known.contains($0) }) {
            return fail("the model has no expert \(odd)", experts: held)
        }
        let sole = drop.filter { expert in
            session.holdings.keys.contains { $0.expert == expert && holders.of($0).subtracting([session.identity]).isEmpty }
        }
        guard sole.isEmpty else {
            return fail(
                "no other worker holds expert \(sole.map(String.init).joined(separator: ", ")): start a replica first", experts: held)
        }
        workers[session.identity]?.assignments.insert(id)
        workers[session.identity]?.lastSent = now
        directives.append(
            .send(session.identity, .assign(Assign(epoch: session.epoch, assignment: id.value, add: add, drop: drop))))
    }

    mutating func take(_ assigned: Assigned, from peer: PeerIdentity) {
        let id = AssignmentID(assigned.assignment)
        guard let session = workers[peer], session.epoch == assigned.epoch, workers[peer]?.assignments.remove(id) != nil else { return }
        directives.append(.assigned(id, failure: assigned.failure, experts: session.experts))
    }

    mutating func endAssignments(of session: WorkerSession, because reason: String) {
        for id in session.assignments.sorted(by: { $0.value < $1.value }) {
            directives.append(.assigned(id, failure: "worker '\(session.name)' was lost: \(reason)", experts: []))
        }
    }
}

extension WorkerSession {
    /// Indices of the experts that it holds in some layer.
    var experts: [Int] { Set(holdings.keys.map(\.expert)).sorted() }
}
