import MedMoE
import Testing
import Wire

@testable import Cluster

extension AnswerSummary {
    /// Something different in every field.
    static func sample(_ answer: String, _ tokens: [Int]) -> AnswerSummary {
        AnswerSummary(
            answer: answer, tokenIDs: tokens, promptTokens: 17, finish: .stop, modelDigest: "abcd",
            routing: [.init(layer: 0, expert: 1, worker: "a", tokens: 9), .init(layer: 2, expert: 0, worker: "b", tokens: 8)],
            timings: .init(queue: 1, image: 2.5, prefill: 3, decode: 4), degraded: true,
            labelLogProbabilities: [.init(label: "CT", logProbability: -0.5, tokens: 2)])
    }
}

/// A coordinator's client side with its clock, and all that it did.
struct SessionBench {
    var machine: ClientSessions
    var now = Moment.now
    var sent: [(peer: PeerIdentity, reply: CoordinatorReply)] = []
    var started: [(run: RunID, request: AnswerRequest)] = []
    var cancelled: [RunID] = []
    var assigned: [(id: AssignmentID, assign: AssignExperts)] = []
    var drained = 0

    init(isOpen: Bool = true, change: (inout ClientSessions.Configuration) -> Void = { _ in }) {
        var configuration = ClientSessions.Configuration()
        change(&configuration)
        machine = ClientSessions(configuration)
        if isOpen { handle(.open) }
    }

    mutating func handle(_ event: ClientSessions.Event) {
        for directive in machine.handle(event, now: now) {
            switch directive {
            case .send(let peer, let reply): sent.append((peer, reply))
            case .start(let run, let request): started.append((run, request))
            case .cancel(let run): cancelled.append(run)
            case .assign(let id, let assign): assigned.append((id, assign))
            case .drained: drained += 1
            case .status, .note: break
            }
        }
    }

    mutating func ask(_ id: String, from peer: PeerIdentity, prompt: String = "?", milliseconds: Int = 10_000, images: [[UInt8]] = []) {
        handle(.message(peer, .ask(Ask(AnswerRequest(id: id, task: .prompt(prompt), images: images, deadlineMilliseconds: milliseconds)))))
    }

    mutating func advance(_ duration: Duration) {
        now = now + duration
        handle(.tick)
    }

    func refusals(to peer: PeerIdentity) -> [Refusal] {
        sent.compactMap { if $0.peer == peer, case .refused(let refusal) = $0.reply { refusal } else { nil } }
    }

    func tokens(to peer: PeerIdentity) -> [Tokens] {
        sent.compactMap { if $0.peer == peer, case .tokens(let tokens) = $0.reply { tokens } else { nil } }
    }

    func done(to peer: PeerIdentity) -> [Done] {
        sent.compactMap { if $0.peer == peer, case .done(let done) = $0.reply { done } else { nil } }
    }
}
