import Synchronization
import Tensors
import Testing
import Training
import Wire

@testable import TrainingCluster

@Suite struct RemoteExpertsTests {
    /// The passes that a trainer was asked for.
    private final class Heard: Sendable {
        private let state = Mutex<[String]>([])

        var passes: [String] { state.withLock { $0 } }

        func add(_ call: TrainerCall) {
            switch call {
            case .forward(let pass): add("forward \(pass.layer): \(pass.segments.map(\.rows))")
            case .backward(let pass, _): add("backward \(pass.layer): \(pass.segments.map(\.rows))")
            case .open, .load, .read, .norm, .update: break
            }
        }

        private func add(_ text: String) { state.withLock { $0.append(text) } }
    }

    @Test func aForwardPassThatNoBackwardFollowsIsEndedWhereItWas() async throws {
        let test = try await TestPort.start()
        let (first, second) = (Heard(), Heard())
        let a = try await test.trainer("a", before: { first.add($0) })
        _ = try await test.trainers(1)
        let b = try await test.trainer("b", before: { second.add($0) })
        _ = try await test.trainers(2)
        // Answers are waited for, which must not hold a thread of the pool.
        let thread = ComputeExecutor(name: "learner")
        let outputs = try await Task(executorPreference: thread) { [port = test.port] () async throws -> [[Float]] in
            let experts = RemoteExperts(port, RemoteExperts.Patience(trainers: 2))
            let course = ExpertCourse(
                shape: FeedForwardShape(.gated, hidden: 4, inner: 8), experts: [(layer: 1, expert: 0), (layer: 1, expert: 1)],
                optimiser: AdamW.Settings())
            _ = try await experts.begin(course, steps: 0, state: { _, _ in nil }, isolation: nil)
            var outputs: [[Float]] = []
            for keeps in [false, true] {
                let rows = try Rows(Tensor([Float](repeating: 3, count: 8), shape: [2, 4]))
                try experts.submitForward(layer: 1, [ExpertRows(expert: 1, rows: rows)], keeps: keeps)
                outputs += try await experts.outputs(layer: 1, isolation: nil).map(\.values)
            }
            return outputs
        }.value
        thread.stop()
        // What the fake trainer makes of them.
        #expect(outputs == [[Float]](repeating: [Float](repeating: 6, count: 8), count: 2))
        #expect(second.passes == ["forward 1: [2]", "backward 1: []", "forward 1: [2]"])
        #expect(first.passes.isEmpty, "it had no rows")
        await a.stop()
        await b.stop()
        await test.stop()
    }
}
