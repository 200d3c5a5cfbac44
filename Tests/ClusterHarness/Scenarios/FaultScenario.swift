/// One kind of accident that happens to a cluster under load.
package struct FaultScenario: Sendable {
    package let name: String
    /// What the victims are: nil for an ordinary worker, or how it misbehaves. They hold all experts; each expert has a
    /// further holder.
    let victims: [FaultDescription?]
    /// How long requests may be silent; nil where the coordinator itself is away.
    package let stallLimit: Duration?
    /// How long it may take until what was lost is used again.
    package let recoveryLimit: Duration
    /// Happens before the first question.
    let idle: @Sendable (FaultSite) async throws -> Void
    /// Happens in the middle of the load.
    let accident: @Sendable (FaultSite) async throws -> Recovery

    init(
        _ name: String, victims: [FaultDescription?] = [nil], stallLimit: Duration? = .seconds(1), recoveryLimit: Duration = .seconds(30),
        idle: @escaping @Sendable (FaultSite) async throws -> Void = { _ in },
        accident: @escaping @Sendable (FaultSite) async throws -> Recovery
    ) {
        self.name = name
        self.victims = victims
        self.stallLimit = stallLimit
        self.recoveryLimit = recoveryLimit
        self.idle = idle
        self.accident = accident
    }
}

/// What an accident did.
package struct FaultOutcome: Sendable {
    package let scenario: FaultScenario
    package let load: LoadOutcome
    package let wrong: Int
    package let recovery: Recovery

    package var stall: Double { load.stall(99) }

    /// Requests that had no end within their deadline and a moment more.
    package let overdue: Int

    /// What is not as promised; empty when all is well.
    package var complaints: [String] {
        var complaints: [String] = []
        if overdue > 0 { complaints.append("\(overdue) hung beyond their deadline") }
        if !load.failed.isEmpty { complaints.append("\(load.failed.count) failed, the first: \(load.failed[0].failure ?? "")") }
        if wrong > 0 { complaints.append("\(wrong) answers differ") }
        if let limit = scenario.stallLimit, stall > limit / .milliseconds(1) { complaints.append("stalls beyond \(limit)") }
        switch recovery {
        case .never: complaints.append("not used again")
        case .within(let duration) where duration > scenario.recoveryLimit: complaints.append("used again too late")
        default: break
        }
        return complaints
    }
}

/// The same load without an accident: what the others are compared with.
package struct UndisturbedRun: Sendable {
    /// Tokens by question.
    package let expected: [Int: [Int]]
    package let load: LoadOutcome
}

/// Runs scenarios, each with a cluster of its own.
package struct FaultBench: Sendable {
    package let questions: [Question]
    package let model: String
    /// Requests under way at the same time.
    package let askers: Int
    /// Requests that must end after the accident is over.
    package let requestsAfter: Int
    /// Whether the coordinator and each worker has a host of its own.
    package let onHosts: Bool
    /// Of each request.
    package let deadline: Duration

    package init(
        questions: [Question], model: String = Checkout.bundledModel, askers: Int = 8, requestsAfter: Int = 24, onHosts: Bool = false,
        deadline: Duration = .seconds(60)
    ) {
        self.questions = questions
        self.model = model
        self.askers = askers
        self.requestsAfter = requestsAfter
        self.onHosts = onHosts
        self.deadline = deadline
    }

    /// Two workers with half of the experts each, and the victims with all of them.
    private func site(_ victims: [FaultDescription?]) async throws -> FaultSite {
        let program = try Program()
        let hosts = onHosts ? try FaultHosts(victims: victims.count) : nil
        hosts?.field.removeAlso(program.folder)
        let cluster = try await ClusterUnderTest(
            program, model: model, hosts.map { .host(try $0.of(FaultHosts.coordinator)) } ?? .tcp)
        for (name, experts) in zip(FaultHosts.stays, ["0,1", "2,3"]) {
            _ = try cluster.startWorker(name, experts: experts, on: hosts?.of(name))
        }
        let started = try victims.enumerated().map { number, fault in
            let name = FaultSite.name(ofVictim: number)
            return try fault.map { try cluster.startFaultyWorker(name, $0) } ?? cluster.startWorker(name, on: hosts?.victims[number])
        }
        try await cluster.waitUntilCovered(by: 2 + victims.count)
        return FaultSite(cluster: cluster, victims: started, hosts: hosts)
    }

    /// A deadline that passes is noticed, said and heard within this time, even on a busy machine.
    private static let grace = Duration.seconds(2)

    /// Asks every question at least twice while nothing happens.
    ///
    /// - Throws: `HarnessError` when a request fails or equal questions get different answers.
    package func undisturbed() async throws -> UndisturbedRun {
        let site = try await site([nil])
        let load = try await SteadyLoad(questions, at: site.cluster.serving, askers: askers, deadline: deadline, most: max(2 * questions.count, 4 * askers))
        let outcome = await load.finish()
        withExtendedLifetime(site) {}
        if let failed = outcome.failed.first { throw HarnessError("without an accident a request failed: \(failed.failure ?? "")") }
        var expected: [Int: [Int]] = [:]
        for answer in outcome.answers {
            if let other = expected[answer.question], other != answer.tokens {
                throw HarnessError("question \(answer.question) got two answers although nothing happened")
            }
            expected[answer.question] = answer.tokens
        }
        return UndisturbedRun(expected: expected, load: outcome)
    }

    /// Lets one accident happen under load.
    package func run(_ scenario: FaultScenario, _ undisturbed: UndisturbedRun) async throws -> FaultOutcome {
        let site = try await site(scenario.victims)
        try await scenario.idle(site)
        let load = try await SteadyLoad(questions, at: site.cluster.serving, askers: askers, deadline: deadline)
        let recovery: Recovery
        do {
            try await load.waitUntil("the load runs", within: .seconds(60)) { $0.answers.count >= askers }
            recovery = try await scenario.accident(site)
            // Those that were under way at the end of the accident, and some more.
            let asked = load.progress.asked
            try await load.waitUntil("requests after the accident end", within: .seconds(120)) { $0.answers.count >= asked + requestsAfter }
        } catch {
            let outcome = await load.stop()
            throw HarnessError("\(scenario.name): \(error)\nfailed requests: \(outcome.failed.prefix(3).compactMap(\.failure))")
        }
        let outcome = await load.stop()
        withExtendedLifetime(site) {}
        return FaultOutcome(
            scenario: scenario, load: outcome, wrong: outcome.wrong(undisturbed.expected).count, recovery: recovery,
            overdue: outcome.answers.count { $0.ended - $0.asked > deadline + FaultBench.grace })
    }
}
