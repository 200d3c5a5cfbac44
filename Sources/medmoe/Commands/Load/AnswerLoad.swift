import ArgumentParser
import Cluster
import Foundation
import Load
import MedMoE
import Synchronization
import Wire

/// `medmoe load`: questions to running coordinators.
struct AnswerLoad: Sendable {
    let pattern: LoadPatternOptions
    let options: AnswerLoadOptions
    let link: LinkOptions
    let output: LoadOutputOptions

    /// - Throws: `ExitCode.failure`, after the report, when nothing was answered.
    func run() async throws {
        let plan = pattern.plan(limits: options.limits)
        let mix = try options.mix(seed: pattern.seed, deadline: pattern.deadline)
        let report = try await options.withClients(link.security(as: .client)) { clients in
            let first = try await AnswerLoad.statuses(clients)
            for (client, status) in zip(clients, first) where !status.covered {
                Terminal.note("Note: \(client.endpoint): workers do not hold every expert; requests that need a missing one wait or fail")
            }
            let counters = CounterWindow()
            let engines: [any AnswerEngine] = options.retry ? clients.map { RetryingEngine($0) } : clients
            let live = LiveLine()
            var report = await LoadGenerator(plan: plan, mix: mix, engines: engines)(
                domains: first.first?.domains ?? [], interval: live.interval
            ) { boundary in
                // One that is away then has not counted anything; the load itself tells that it was.
                guard let statuses = try? await AnswerLoad.statuses(clients) else { return }
                counters.note(CoordinatorCounters(statuses), boundary)
            } progress: {
                live.show($0)
            }
            live.finish()
            report.counters = counters.growth
            return report
        }
        let text = LoadText(report)
        try output.write(report, text: text.table) { try LoadFigures.figures(of: report) }
        for warning in text.warnings { Terminal.note(warning) }
        if report.requests.answered == 0 { throw ExitCode.failure }
    }

    /// - Throws: `AnswerError` when one does not answer.
    private static func statuses(_ clients: [CoordinatorClient]) async throws -> [StatusReply] {
        var statuses: [StatusReply] = []
        for client in clients { statuses.append(try await client.status()) }
        return statuses
    }
}

/// Counters at both ends of the measured time.
final class CounterWindow: Sendable {
    private let ends = Mutex<[LoadBoundary: CoordinatorCounters]>([:])

    func note(_ counters: CoordinatorCounters, _ boundary: LoadBoundary) { ends.withLock { $0[boundary] = counters } }

    /// Empty when one end is not known.
    var growth: [String: Int] {
        ends.withLock { ends in
            guard let begin = ends[.begin], let end = ends[.end] else { return [:] }
            return end.growth(since: begin)
        }
    }
}
