import Foundation

/// How many tokens a second whole answers make, with coordinators and workers on hosts of their own with a part of a core each.
package struct AnswerScaling: Sendable {
    /// Folder of the checkpoint; every worker holds all of its experts.
    package var model: String
    /// Part of a core for each host.
    package var share: Double
    /// Requests under way at each coordinator.
    package var concurrency: Int
    /// Seconds of one measurement, and of the warm-up before it.
    package var seconds: Double
    package var warmUp: Double
    /// What is asked, besides: arguments of the load.
    package var questions: [String]

    /// One measurement.
    package struct Outcome: Sendable {
        package var coordinators: Int
        package var workers: Int
        package var answersPerSecond: Double
        package var failed: Int
        /// Seconds of a core for one answer, by the coordinators and by the workers.
        package var coordinatorCost: Double
        package var workerCost: Double

        /// Of the processor time of an answer, the part that more workers cannot take.
        package var coordinatorShare: Double { coordinatorCost / (coordinatorCost + workerCost) }
    }

    private struct Report: Decodable {
        struct Requests: Decodable { var failed: Int }
        struct Rates: Decodable { var answers: Double }
        struct Slice: Decodable { var answered: Int }
        var requests: Requests
        var rates: Rates
        var timeline: [Slice]
    }

    package init(model: String, share: Double, concurrency: Int, seconds: Double, warmUp: Double, questions: [String]) {
        self.model = model
        self.share = share
        self.concurrency = concurrency
        self.seconds = seconds
        self.warmUp = warmUp
        self.questions = questions
    }

    /// Makes the hosts, measures, removes the hosts.
    package func run(coordinators: Int, workers: Int) async throws -> Outcome {
        let program = try Program()
        let hosted = try await HostedCluster(
            program,
            HostedCluster.Plan(
                model: model, coordinators: (0..<coordinators).map { HostPlan("front-\($0)", processorShare: share) },
                workers: (0..<workers).map { (HostPlan("worker-\($0)", processorShare: share), nil) }),
            within: .seconds(300))
        defer { hosted.close() }
        let fronts = hosted.coordinators.map(\.coordinator.processID)
        let backs = hosted.workers.map(\.process.processID)
        let used = { (processes: [Int32]) in processes.reduce(0) { $0 + (ProcessorTime.seconds(of: $1) ?? 0) } }
        let json = program.folder.path + "/answers.json"
        let before = (fronts: used(fronts), backs: used(backs))
        let outcome = try await program.run(
            ["load"] + hosted.coordinators.flatMap { ["--coordinator", $0.serving] } + [
                "--concurrency", "\(concurrency * coordinators)", "--warm-up", "\(warmUp)", "--duration", "\(seconds)", "--deadline", "600",
                "--json", json,
            ] + questions, within: .seconds(seconds + warmUp + 600))
        let after = (fronts: used(fronts), backs: used(backs))
        guard outcome.succeeded else { throw HarnessError("\(outcome)") }
        let report = try ScalingJSON.decode(Report.self, from: json)
        let answered = Double(max(1, report.timeline.reduce(0) { $0 + $1.answered }))
        return Outcome(
            coordinators: coordinators, workers: workers, answersPerSecond: report.rates.answers, failed: report.requests.failed,
            coordinatorCost: (after.fronts - before.fronts) / answered, workerCost: (after.backs - before.backs) / answered)
    }
}
