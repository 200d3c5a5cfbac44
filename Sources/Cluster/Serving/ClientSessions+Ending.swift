import MedMoE
import Wire

extension ClientSessions {
    /// Whether nothing new is taken while the rest is finished.
    public var isDraining: Bool { drainsUntil != nil }

    /// Takes nothing new; what runs and waits has until some moment.
    mutating func drain(_ reason: String, until: Moment, now: Moment) {
        guard drainsUntil == nil else { return }
        closed = Closed("\(reason): ask another one, or again in a moment", retryAfter: .seconds(1))
        drainsUntil = until
        directives.append(.note(.info("draining: \(inEngine.count) requests run and \(waiting.count) wait")))
        if until <= now { close(reason, now: now) }
    }

    /// Says once that nobody is there any more.
    mutating func finishDraining() {
        guard isDraining, !saidDrained, runs.isEmpty, waiting.isEmpty else { return }
        saidDrained = true
        directives.append(.drained)
    }

    /// The end for all that are there.
    mutating func close(_ reason: String, now: Moment) {
        closed = Closed(reason, retryAfter: .seconds(1))
        for id in runs.keys.sorted() {
            if let run = runs[id], run.isRunning { directives.append(.cancel(run.id)) }
            conclude(id, .failure(AnswerError(.unavailable, reason, retryAfter: .seconds(1))), now: now)
        }
        for id in assignments.keys.sorted(by: { $0.value < $1.value }) { answerAssignment(id, reason, []) }
    }

    // MARK: - Assignments

    mutating func take(_ assign: AssignExperts, from peer: PeerIdentity) {
        guard assignments.count < configuration.mostAssignments else {
            let reason = "\(assignments.count) assignments are under way, which is all that fits: try again later"
            directives.append(.send(peer, .assigned(AssignReply(inquiry: assign.inquiry, failure: reason, experts: []))))
            return
        }
        let id = AssignmentID(nextAssignment)
        nextAssignment += 1
        assignments[id] = (peer, assign.inquiry)
        directives.append(.assign(id, assign))
    }

    mutating func answerAssignment(_ id: AssignmentID, _ failure: String?, _ experts: [Int]) {
        guard let (peer, inquiry) = assignments.removeValue(forKey: id) else { return }
        directives.append(.send(peer, .assigned(AssignReply(inquiry: inquiry, failure: failure, experts: experts))))
    }
}
