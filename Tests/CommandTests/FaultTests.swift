import ClusterHarness
import Testing

extension Commands {
    /// Accidents under load, a few of those that `cluster/faults/table` has.
    @Suite(.enabled(if: Program.faultsPath != nil, "the faults program is not beside the test bundle: build it with `swift build --build-tests`"))
    struct AccidentsUnderLoad {
        private static let scenarios = (FaultScenario.workers + FaultScenario.coordinator).filter { scenario in
            [
                "KILL while computing", "NaN reply", "duplicate reply", "KILL two of three replicas at once",
                "coordinator: second start on its port",
            ].contains(scenario.name)
        }

        @Test("no accident makes a request fail or changes a token")
        func noAccidentMakesARequestFailOrChangesA() async throws {
            #expect(Self.scenarios.count == 5)
            let bench = FaultBench(questions: try Question.mixture(6, tokens: 24), requestsAfter: 4)
            let undisturbed = try await bench.undisturbed()
            for scenario in Self.scenarios {
                let outcome = try await bench.run(scenario, undisturbed)
                #expect(outcome.load.failed.compactMap(\.failure).isEmpty, "\(scenario.name)")
                #expect(outcome.wrong == 0, "\(scenario.name)")
                #expect(outcome.recovery != .never, "\(scenario.name)")
            }
        }

        @Test("workers that join and leave under load cost no request")
        func workersThatJoinAndLeaveUnderLoadCostNo() async throws {
            let questions = try Question.mixture(8, tokens: 30)
            let undisturbed = try await FaultBench(questions: questions).undisturbed()
            let outcome = try await Churn(cycles: 2, warmUp: 1).run(questions) { _ in }
            #expect(outcome.load.failed.compactMap(\.failure).isEmpty)
            #expect(outcome.load.wrong(undisturbed.expected).isEmpty)
            #expect(!outcome.load.answers.isEmpty)
        }
    }
}
