import Foundation
import Synchronization

@testable import MedMoE

/// Experts of this process that behave like remote ones: answers come late and in any order, experts go and come back.
final class ScriptedDispatch: ExpertDispatch {
    /// What a submission meets.
    struct Script {
        /// Experts that nobody holds.
        var missing: Set<ExpertAddress> = []
        /// Missing experts fail a ticket at once, as with the policy `fail`.
        var failsAtOnce = false
        /// Submissions from now on that are refused as overloaded.
        var overloaded = 0
        /// The most milliseconds that an answer takes.
        var delay = 0
    }

    private struct State {
        var script: Script
        var random: SeededRandom
        var waiting = 0
        var cancelled = 0
        var tickets = 0
    }

    /// How long a missing expert is waited for before it is reported.
    static let patience = Duration.milliseconds(10)

    private let experts: any ExpertDispatch
    private let state: Mutex<State>

    init(_ experts: any ExpertDispatch, script: Script = Script(), seed: UInt64 = 0) {
        self.experts = experts
        state = Mutex(State(script: script, random: SeededRandom(seed: seed)))
    }

    /// Changes what happens from now on, to tickets under way as well.
    func change(_ body: (inout Script) -> Void) { state.withLock { body(&$0.script) } }

    /// Tickets that wait for a missing expert until their deadline.
    var waiting: Int { state.withLock { $0.waiting } }
    var cancelled: Int { state.withLock { $0.cancelled } }
    var tickets: Int { state.withLock { $0.tickets } }

    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket {
        let (refused, delay) = state.withLock { state in
            state.tickets += 1
            guard state.script.overloaded > 0 else {
                return (false, state.script.delay == 0 ? 0 : Int.random(in: 0...state.script.delay, using: &state.random))
            }
            state.script.overloaded -= 1
            return (true, 0)
        }
        let computed = experts.submit(tiles, deadline: deadline, whenUncovered: whenUncovered)
        return Ticket(
            dispatch: self, wanted: Set(tiles.map(\.address)), computed: computed, deadline: deadline,
            whenUncovered: whenUncovered, delay: .milliseconds(delay), isRefused: refused)
    }

    private final class Ticket: DispatchTicket {
        let dispatch: ScriptedDispatch
        let wanted: Set<ExpertAddress>
        let computed: any DispatchTicket
        let deadline: ContinuousClock.Instant
        let whenUncovered: WhenUncovered
        let delay: Duration
        let isRefused: Bool
        private let isCancelled = Atomic(false)

        init(
            dispatch: ScriptedDispatch, wanted: Set<ExpertAddress>, computed: any DispatchTicket, deadline: ContinuousClock.Instant,
            whenUncovered: WhenUncovered, delay: Duration, isRefused: Bool
        ) {
            self.dispatch = dispatch
            self.wanted = wanted
            self.computed = computed
            self.deadline = deadline
            self.whenUncovered = whenUncovered
            self.delay = delay
            self.isRefused = isRefused
        }

        func results() async throws -> [TileResult] {
            if isRefused { throw DispatchError.overloaded("too many tiles") }
            if delay > .zero { try? await Task.sleep(for: delay) }
            let start = ContinuousClock.now
            var counted = false
            defer { if counted { dispatch.state.withLock { $0.waiting -= 1 } } }
            while true {
                if isCancelled.load(ordering: .acquiring) { throw DispatchError.cancelled }
                let script = dispatch.state.withLock { $0.script }
                let missing = wanted.intersection(script.missing).sorted()
                if missing.isEmpty { return try await computed.results() }
                if script.failsAtOnce { throw DispatchError.expertsLost(missing) }
                let now = ContinuousClock.now
                if now >= deadline { throw DispatchError.expertsLost(missing) }
                if whenUncovered == .report, start.duration(to: now) >= ScriptedDispatch.patience {
                    throw DispatchError.uncovered(missing)
                }
                if whenUncovered == .wait, !counted {
                    counted = true
                    dispatch.state.withLock { $0.waiting += 1 }
                }
                try? await Task.sleep(for: .milliseconds(1))
            }
        }

        func cancel() {
            if !isCancelled.exchange(true, ordering: .acquiringAndReleasing) { dispatch.state.withLock { $0.cancelled += 1 } }
        }
    }
}

/// Logits of every row that got some, by request id.
final class LogitLog: Sendable {
    private let rows = Mutex<[String: [[Float]]]>([:])

    func add(_ request: String, _ logits: UnsafeBufferPointer<Float>) {
        rows.withLock { $0[request, default: []].append(Array(logits)) }
    }

    /// As bits, so that nothing is equal by accident.
    func bits(_ request: String) -> [[UInt32]] { rows.withLock { ($0[request] ?? []).map { $0.map(\.bitPattern) } } }
}

extension InferenceEngine {
    func record(into log: LogitLog) { logitsObserver = { log.add($0, $1) } }
}
