import Glibc

/// Workers join and leave under load, by SIGTERM and by SIGKILL in turn.
package struct Churn: Sendable {
    package struct Cycle: Sendable {
        package var number: Int
        package var isDrained: Bool
        package var coordinatorBytes: Int?
        package var answers: Int
    }

    package struct Outcome: Sendable {
        package var load: LoadOutcome
        package var bytesWarm: Int?
        package var bytesAtEnd: Int?

        /// Growth of the coordinator in percent; nil when it cannot be measured.
        package var growth: Double? {
            guard let bytesWarm, let bytesAtEnd, bytesWarm > 0 else { return nil }
            return 100 * (Double(bytesAtEnd) / Double(bytesWarm) - 1)
        }
    }

    private let cycles: Int
    private let warmUp: Int
    private let askers: Int

    /// - Parameter warmUp: cycles before memory is measured first; they are not counted
    package init(cycles: Int, warmUp: Int = 5, askers: Int = 8) {
        self.cycles = cycles
        self.warmUp = warmUp
        self.askers = askers
    }

    package func run(_ questions: [Question], report: (Cycle) -> Void) async throws -> Outcome {
        let cluster = try await ClusterUnderTest(Program(), model: Checkout.bundledModel, .tcp)
        _ = try cluster.startWorker("stays-a", experts: "0,1")
        _ = try cluster.startWorker("stays-b", experts: "2,3")
        try await cluster.waitUntilCovered(by: 2)
        let load = try await SteadyLoad(questions, at: cluster.serving, askers: askers)
        var bytesWarm: Int?
        for number in 1 - warmUp...cycles {
            let name = "guest-\(number + warmUp)"
            let guest = try cluster.startWorker(name)
            try await cluster.waitUntil("\(name) computes") { $0.workers.contains { $0.name == name && $0.tilesDone >= 20 } }
            let isDrained = number % 2 == 0
            if isDrained {
                guest.signal(SIGTERM)
                let ended = try await guest.outcome(within: .seconds(30))
                guard ended.succeeded else { throw HarnessError("a drained worker ended badly: \(ended)") }
            } else {
                guest.kill()
            }
            try await cluster.waitUntil("\(name) is gone") { !$0.workers.contains { $0.name == name } }
            // Every cycle sees the same work.
            let answered = load.progress.answers.count
            try await load.waitUntil("answers after \(name)", within: .seconds(60)) { $0.answers.count >= answered + 2 * askers }
            let bytes = ResidentMemory.bytes(of: cluster.coordinator.processID)
            if number == 0 { bytesWarm = bytes }
            if number > 0 {
                report(Cycle(number: number, isDrained: isDrained, coordinatorBytes: bytes, answers: load.progress.answers.count))
            }
        }
        let bytesAtEnd = ResidentMemory.bytes(of: cluster.coordinator.processID)
        return Outcome(load: await load.stop(), bytesWarm: bytesWarm, bytesAtEnd: bytesAtEnd)
    }
}
