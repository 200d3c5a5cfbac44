import ClusterHarness
import Testing

extension TestHosts {
    /// The network's accidents under load, a few of those that `cluster/faults/network` has.
    @Suite(
        .abilities([.loss, .delay, .rateLimit]), .enabled(if: Program.path != nil, "the medmoe program is not beside the test bundle"))
    struct NetworkFaults {
        @Test("a network that vanishes, or is slow for all workers, costs no request and no token")
        func aNetworkThatVanishesOrIsSlowForAllWorkersCosts() async throws {
            let scenarios = FaultScenario.network.filter { ["short blackhole (1 s)", "delay 50 ms, all workers"].contains($0.name) }
            #expect(scenarios.count == 2)
            let bench = FaultBench(
                questions: try Question.mixture(6, tokens: 16), askers: 4, requestsAfter: 4, onHosts: true, deadline: .seconds(30))
            let undisturbed = try await bench.undisturbed()
            for scenario in scenarios {
                let outcome = try await bench.run(scenario, undisturbed)
                #expect(outcome.load.failed.compactMap(\.failure).isEmpty, "\(scenario.name)")
                #expect(outcome.wrong == 0, "\(scenario.name)")
                #expect(outcome.overdue == 0, "\(scenario.name)")
                #expect(outcome.recovery != .never, "\(scenario.name)")
            }
        }
    }
}
