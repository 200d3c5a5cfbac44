import Foundation

/// One expert has most of the rows; replicas of that expert alone, added live, make the cluster faster.
package struct HotExpert: Sendable {
    package struct Measurement: Sendable {
        package var replicas: Int
        package var rowsPerSecond: Double
        package var tokensPerSecond: Double
        package var requests: Int
        package var failed: Int
        package var stall: Double
        /// The hot expert's part of all rows, from 0 to 1.
        package var share: Double
    }

    package struct Outcome: Sendable {
        package var before: Measurement
        package var after: Measurement
        /// Answers after that differ from those before.
        package var wrong: Int
        package var failures: [String]
        package var gain: Double { after.rowsPerSecond / before.rowsPerSecond }
    }

    package static let expert = 1
    package static let share = 0.9
    private let window: Duration
    private let added: Int
    /// Part of a core that each worker gets.
    private let processorShare: Double
    private let askers: Int

    package init(window: Duration = .seconds(20), added: Int = 2, processorShare: Double = 0.15, askers: Int = 8) {
        self.window = window
        self.added = added
        self.processorShare = processorShare
        self.askers = askers
    }

    /// - Throws: `HarnessError` where processor time cannot be limited.
    package func run(say: (String) -> Void) async throws -> Outcome {
        let program = try Program()
        // Workers that share the cores freely would be as fast alone as together: the stage of experts must be what is slow.
        let groups = try (0..<2 + added).map { _ in try ControlGroup.processor(share: processorShare) }
        let model = try await makeModel(program, say)
        let cluster = try await ClusterUnderTest(program, model: model)
        func start(_ name: String, experts: String, _ group: ControlGroup) throws {
            let worker = try cluster.startWorker(name, experts: experts)
            try group.add(worker.processID)
        }
        try start("hot-0", experts: "\(HotExpert.expert)", groups[0])
        try start("others", experts: "0,2,3", groups[1])
        try await cluster.waitUntilCovered(by: 2)
        let questions = HotExpert.questions
        let load = try await SteadyLoad(questions, at: cluster.serving, askers: askers)
        try await load.waitUntil("the load runs", within: .seconds(120)) { $0.answers.count >= askers }
        say("measuring with one worker for expert \(HotExpert.expert) …")
        let before = try await measure(cluster, load, replicas: 1)
        for number in 1...added { try start("hot-\(number)", experts: "\(HotExpert.expert)", groups[1 + number]) }
        try await cluster.waitUntil("the new replicas compute", within: .seconds(60)) { status in
            status.workers.count { $0.name.hasPrefix("hot-") && $0.tilesDone > 0 } == 1 + added
        }
        say("measuring with \(1 + added) …")
        let after = try await measure(cluster, load, replicas: 1 + added)
        let outcome = await load.stop()
        var first: [Int: [Int]] = [:]
        for answer in outcome.answers where answer.failure == nil && first[answer.question] == nil { first[answer.question] = answer.tokens }
        withExtendedLifetime(groups) {}
        return Outcome(
            before: before, after: after, wrong: outcome.wrong(first).count, failures: outcome.failed.compactMap(\.failure))
    }

    /// Long questions and short answers: steps have many rows, which replicas can share.
    private static let questions = (0..<12).map { number in
        Question(text: text(number), images: [], seed: UInt64(number), tokens: 4)
    }

    private static func text(_ number: Int) -> String {
        (0..<30).map { "What is shown at number \(number * 30 + $0)?" }.joined(separator: " ")
    }

    /// Makes a model whose gates prefer one expert. How much a gate has to prefer it depends on what rows look like, so the first
    /// guess is corrected until the expert's part is near to what is wanted.
    private func makeModel(_ program: Program, _ say: (String) -> Void) async throws -> String {
        let lines = (0..<4).map { "{\"id\": \"\($0)\", \"question\": \"\(HotExpert.text($0))\"}" }
        let file = try program.folder.write("questions.jsonl", lines.joined(separator: "\n"))
        var low = 0.26
        var high = 0.999
        for attempt in 0..<10 {
            let preference = attempt == 0 ? HotExpert.share : (low + high) / 2
            let model = program.folder.appending("model-\(attempt)")
            // One layer with wide experts: little to do for the coordinator.
            let made = try await program.run([
                "synthesize", "--like", Checkout.bundledModel, "--out", model, "--hidden", "512", "--inner", "4096", "--layers", "1", "--heads", "8",
                "--hot-expert", "\(HotExpert.expert)", "--hot-share", "\(preference)",
            ])
            guard made.succeeded else { throw HarnessError("\(made)") }
            let answers = try await program.run(["ask", "--model", model, "--requests", file, "--max-tokens", "4", "--temperature", "8"])
            guard answers.succeeded else { throw HarnessError("\(answers)") }
            let share = try HotExpert.share(in: answers)
            if abs(share - HotExpert.share) < 0.02 {
                say("a model whose expert \(HotExpert.expert) has \(Int((100 * share).rounded())) % of the rows")
                return model
            }
            if share < HotExpert.share { low = preference } else { high = preference }
            try FileManager.default.removeItem(atPath: model)
        }
        throw HarnessError("no gate was found that gives expert \(HotExpert.expert) about \(HotExpert.share) of the rows")
    }

    /// The hot expert's part of what answers say about routing.
    private static func share(in outcome: ProgramOutcome) throws -> Double {
        struct Answer: Decodable {
            struct Routing: Decodable { var expert, tokens: Int }
            var routing: [Routing]
        }
        let routing = try outcome.outputLines.flatMap { try JSONDecoder().decode(Answer.self, from: Data($0.utf8)).routing }
        let hot = routing.filter { $0.expert == expert }.reduce(0) { $0 + $1.tokens }
        return Double(hot) / Double(max(1, routing.reduce(0) { $0 + $1.tokens }))
    }

    private func measure(_ cluster: ClusterUnderTest, _ load: SteadyLoad, replicas: Int) async throws -> Measurement {
        func rows() async throws -> Double {
            Double(try await cluster.status().workers.reduce(0) { $0 + $1.rowsDone })
        }
        let start = ContinuousClock.now
        let earlier = try await rows()
        let then = load.progress
        try await Task.sleep(for: window)
        let later = try await rows()
        let now = load.progress
        let seconds = start.duration(to: .now) / .seconds(1)
        let answers = Array(now.answers[then.answers.count...])
        let byExpert = answers.reduce(into: [Int: Int]()) { $0.merge($1.rows, uniquingKeysWith: +) }
        return Measurement(
            replicas: replicas, rowsPerSecond: (later - earlier) / seconds, tokensPerSecond: Double(now.tokens - then.tokens) / seconds,
            requests: answers.count, failed: answers.count { $0.failure != nil },
            stall: LoadOutcome(answers: answers, lasted: window).stall(99),
            share: Double(byExpert[HotExpert.expert] ?? 0) / Double(max(1, byExpert.values.reduce(0, +))))
    }
}
