extension FaultScenario {
    /// What happens to the network of a worker while every expert has another holder that can be reached, or of all workers.
    package static let network: [FaultScenario] = [
        network("delay 50 ms", NetworkCondition(delay: .milliseconds(50))),
        network("delay 200 ms", NetworkCondition(delay: .milliseconds(200))),
        network("loss 1 %", NetworkCondition(loss: 0.01)),
        network("loss 5 %", NetworkCondition(loss: 0.05)),
        network("reordering 25 %", NetworkCondition(delay: .milliseconds(1), reordering: 0.25, holdBack: .milliseconds(5))),
        network("rate 2 Mbit/s", NetworkCondition(rate: 2_000_000)),
        network("blackhole, to the worker only", NetworkCondition(blackhole: [.incoming]), lasting: outage, recoveryLimit: back),
        network("blackhole, from the worker only", NetworkCondition(blackhole: [.outgoing]), lasting: outage, recoveryLimit: back),
        network("blackhole", NetworkCondition(blackhole: [.incoming, .outgoing]), lasting: outage, recoveryLimit: back),
        network("short blackhole (1 s)", NetworkCondition(blackhole: [.incoming, .outgoing]), lasting: .seconds(1), recoveryLimit: back),
        network("delay 50 ms, all workers", NetworkCondition(delay: .milliseconds(50)), of: .allWorkers, stallLimit: nil),
    ]

    /// Long enough for both sides to give each other up.
    private static let outage = Duration.seconds(8)
    /// Whoever was given up is back within this time after its network is.
    private static let back = Duration.seconds(10)

    private enum Place { case victim, allWorkers }

    private static func network(
        _ name: String, _ condition: NetworkCondition, of place: Place = .victim, lasting: Duration = .seconds(5),
        stallLimit: Duration? = .seconds(1), recoveryLimit: Duration = .seconds(10)
    ) -> FaultScenario {
        FaultScenario(name, stallLimit: stallLimit, recoveryLimit: recoveryLimit) { site in
            guard let hosts = site.hosts else { throw HarnessError("\(name): the workers have no hosts of their own") }
            let disturbed = place == .victim ? hosts.victims : hosts.workers
            for host in disturbed { try host.impose(condition) }
            try await Task.sleep(for: lasting)
            // What it did until then.
            let done = try await site.tilesDone()
            for host in disturbed { try host.heal() }
            return try await site.waitUntilUsed(beyond: done)
        }
    }
}
