import ArgumentParser
import Checkpoints
import Cluster
import Foundation
import Load
import Logging
import MedMoE
import Wire

/// `medmoe load --dispatch`: tiles of random rows to workers, without a model.
struct DispatchLoad: Sendable {
    let pattern: LoadPatternOptions
    let options: DispatchLoadOptions
    let link: LinkOptions
    let output: LoadOutputOptions

    /// - Throws: `ExitCode.failure`, after the report, when no tile was computed.
    func run() async throws {
        guard let folder = options.modelFolder else { throw ValidationError("--dispatch needs --model DIR, whose experts the workers hold.") }
        let listen = try options.listen.map { try Endpoint($0, for: .bind) }
        let stage = try ExpertStage(folder: folder)
        let hot = try hotExpert(stage.configuration)
        let width = stage.configuration.hiddenSize
        let sizes = try options.sizes()
        if let size = sizes.first(where: { $0 > ExpertTile.rowLimit(width: width) }) {
            throw ValidationError("--rows has \(size), but a tile of this model (width \(width)) has at most \(ExpertTile.rowLimit(width: width)) rows")
        }
        var logger = Logger(label: "medmoe.load", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        var configuration = CoordinatorEndpoint.Configuration(
            listen: listen, width: width, required: stage.configuration.expertAddresses)
        configuration.security = try link.security(as: .coordinator)
        let endpoint = try await CoordinatorEndpoint.start(configuration, logger: logger)
        let report: DispatchLoadReport
        do {
            report = try await measure(endpoint, stage, hot, sizes)
        } catch {
            await endpoint.stop(reason: "the load has ended")
            throw error
        }
        await endpoint.stop(reason: "the load has ended")
        let text = DispatchText(report)
        try output.write(report, text: text.table) { try LoadFigures.figures(of: report) }
        for warning in text.warnings { Terminal.note(warning) }
        if report.runs.allSatisfy({ $0.tiles == 0 }) { throw ExitCode.failure }
    }

    private func hotExpert(_ configuration: ModelConfiguration) throws -> (expert: Int, share: Double)? {
        guard let name = options.hotExpert else { return nil }
        let experts = try configuration.experts(named: name)
        guard experts.count == 1, let expert = experts.first else { throw ValidationError("--hot-expert names \(experts.count) experts; expected one") }
        return (expert, options.hotShare ?? 0.9)
    }

    private func measure(
        _ endpoint: CoordinatorEndpoint, _ stage: ExpertStage, _ hot: (expert: Int, share: Double)?, _ sizes: [Int]
    ) async throws -> DispatchLoadReport {
        Terminal.note("workers connect to \(endpoint.listening.map(\.description).joined(separator: " "))")
        let workers = try await waitForWorkers(endpoint)
        let plan = pattern.plan()
        let width = stage.configuration.hiddenSize
        var runs: [DispatchRun] = []
        for rows in sizes where !Task.isCancelled {
            let mix = try TileMix(
                experts: stage.configuration.expertAddresses, rows: rows, width: width, hasMeta: stage.hasMeta, hot: hot, seed: pattern.seed)
            let generator = DispatchLoadGenerator(
                plan: plan, mix: mix, rows: rows, width: width, dispatch: endpoint.dispatch, deadline: .seconds(pattern.deadline))
            let counters = CounterWindow()
            let live = LiveLine()
            var run = await generator(domains: stage.configuration.mixture?.domains ?? [], interval: live.interval) { boundary in
                if let status = await endpoint.status() { counters.note(CoordinatorCounters(status.dispatch.counters.named), boundary) }
            } progress: {
                live.show($0)
            }
            live.finish()
            run.counters = counters.growth
            runs.append(run)
        }
        return DispatchLoadReport(pattern: plan.pattern, width: width, workers: workers, seed: pattern.seed, hot: hot, runs: runs)
    }

    /// How many there are.
    ///
    /// - Throws: `DispatchError.expertsLost` with those that nobody holds; `TooFewWorkers`.
    private func waitForWorkers(_ endpoint: CoordinatorEndpoint) async throws -> Int {
        let wanted = options.workers ?? 1
        let patience = options.patience ?? 60
        let deadline = ContinuousClock.now + .seconds(patience)
        while true {
            try Task.checkCancellation()
            let status = await endpoint.status()
            let count = status?.dispatch.workers.count ?? 0
            if let status, status.dispatch.missing.isEmpty, count >= wanted { return count }
            guard ContinuousClock.now < deadline else {
                if let missing = status?.dispatch.missing, !missing.isEmpty { throw DispatchError.expertsLost(missing.sorted()) }
                throw TooFewWorkers(description: "\(count) workers connected within \(patience) s; --workers \(wanted) are wanted")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// A load that waited for workers in vain.
struct TooFewWorkers: Error, Sendable, CustomStringConvertible {
    let description: String
}
