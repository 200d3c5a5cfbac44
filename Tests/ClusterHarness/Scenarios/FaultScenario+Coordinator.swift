import Glibc
import Wire

extension FaultScenario {
    /// Everything that happens to the coordinator. Clients retry; nothing is answered while it is away, so silences are shown
    /// but not bounded.
    package static let coordinator: [FaultScenario] = [killCoordinator, startTwice, drainCoordinator]

    /// Workers dial again and again; a coordinator that is back has them within this time.
    private static let workersBack = Duration.seconds(5)

    package static let killCoordinator = FaultScenario(
        "coordinator: KILL, restart on the same port", stallLimit: nil, recoveryLimit: workersBack
    ) { site in
        site.cluster.coordinator.kill()
        return try await site.restartCoordinator()
    }

    package static let startTwice = FaultScenario("coordinator: second start on its port") { site in
        let second = try await site.cluster.startSecondCoordinator().outcome(within: .seconds(30))
        guard case .exited(let status) = second.end, status != 0, second.errors.contains("Error: ") else {
            throw HarnessError("a second coordinator on the same port must say that it cannot: \(second)")
        }
        return .notApplicable
    }

    package static let drainCoordinator = FaultScenario(
        "coordinator: SIGTERM (drain), restart", stallLimit: nil, recoveryLimit: workersBack
    ) { site in
        site.cluster.coordinator.signal(SIGTERM)
        let ended = try await site.cluster.coordinator.outcome(within: .seconds(60))
        guard ended.succeeded else { throw HarnessError("a drained coordinator ended badly: \(ended)") }
        return try await site.restartCoordinator()
    }
}

extension FaultSite {
    /// Starts the coordinator again and waits for all workers.
    ///
    /// - Returns: how long it took from the moment it served until it had them
    func restartCoordinator() async throws -> Recovery {
        try await cluster.restartCoordinator()
        let start = ContinuousClock.now
        do {
            try await eventually(within: .seconds(40), every: .milliseconds(20), "the workers are back") {
                let status = try? await cluster.status()
                return status?.covered == true && status?.workers.count == 2 + victims.count
            }
        } catch is TooLate {
            return .never
        }
        return .within(start.duration(to: .now))
    }
}
