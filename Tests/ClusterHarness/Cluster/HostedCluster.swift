import Foundation

/// A field of hosts with coordinators and expert workers on them, one process per host.
package struct HostedCluster: Sendable {
    package let field: HostField
    /// One per coordinator. Each of them has all workers.
    package let coordinators: [ClusterUnderTest]
    package let workers: [(host: TestHost, process: RunningProgram)]

    /// What is to be run.
    package struct Plan: Sendable {
        package var model: String
        package var coordinators: [HostPlan]
        /// Each with the indices of its experts; nil for all.
        package var workers: [(host: HostPlan, experts: [Int]?)]

        package init(model: String, coordinators: [HostPlan], workers: [(host: HostPlan, experts: [Int]?)]) {
            self.model = model
            self.coordinators = coordinators
            self.workers = workers
        }

        /// Deals experts out: every expert once while there are fewer workers than experts, else replicas in turn.
        package static func deal(_ experts: Int, to workers: Int) -> [[Int]] {
            (0..<workers).map { worker in
                workers >= experts ? [worker % experts] : (0..<experts).filter { $0 % workers == worker }
            }
        }
    }

    /// Makes the hosts, starts everything, and waits until all workers serve.
    ///
    /// - Parameter limit: for each step; a host with a small part of a core loads a model slowly
    package init(_ program: Program, _ plan: Plan, within limit: Duration = .seconds(60)) async throws {
        field = try HostField(plan.coordinators + plan.workers.map(\.host))
        field.removeAlso(program.folder)
        var started: [ClusterUnderTest] = []
        for host in plan.coordinators {
            started.append(try await ClusterUnderTest(program, model: plan.model, .host(field.host(host.name)), readyWithin: limit))
        }
        guard let first = started.first else { throw HarnessError("a cluster has at least one coordinator") }
        coordinators = started
        let others = started.dropFirst().flatMap { ["--connect", $0.listening] }
        var workers: [(host: TestHost, process: RunningProgram)] = []
        for (host, experts) in plan.workers {
            let place = try field.host(host.name)
            let experts = experts.map { $0.map(String.init).joined(separator: ",") }
            workers.append((place, try first.startWorker(host.name, experts: experts, on: place, arguments: others)))
        }
        self.workers = workers
        for coordinator in started {
            try await coordinator.waitUntil("\(workers.count) workers serve", within: limit) { $0.workers.count == plan.workers.count }
        }
    }

    /// Ends all processes and removes the hosts.
    package func close() {
        workers.forEach { $0.process.kill() }
        coordinators.forEach { $0.coordinator.kill() }
        field.close()
    }
}
