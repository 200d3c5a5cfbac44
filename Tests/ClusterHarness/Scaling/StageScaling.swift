import Foundation

/// How fast the expert stage alone is with more and more workers, each on a host of its own with a part of a core.
package struct StageScaling: Sendable {
    /// Folder of the checkpoint; every worker holds all of its experts.
    package var model: String
    /// Part of a core for each worker.
    package var share: Double
    /// Rows of a tile.
    package var rows: Int
    /// Seconds of one measurement.
    package var seconds: Double

    /// One measurement.
    package struct Outcome: Sendable {
        package var workers: Int
        package var rowsPerSecond: Double
        package var failed: Int
        /// Of a core, by the driver; it must stay well below what it may use.
        package var driverShare: Double
    }

    private struct Report: Decodable {
        struct Run: Decodable {
            var rowsPerSecond: Double
            var failed: Int
        }
        var runs: [Run]
    }

    package init(model: String, share: Double, rows: Int, seconds: Double) {
        self.model = model
        self.share = share
        self.rows = rows
        self.seconds = seconds
    }

    /// What the driver may use of a core.
    package static let driverLimit = 0.8

    /// Makes the hosts, measures, removes the hosts.
    package func run(workers: Int) async throws -> Outcome {
        let program = try Program()
        let keys = try await LinkKeys.of(program)
        let names = (0..<workers).map { "worker-\($0)" }
        let field = try HostField(
            [HostPlan("driver", processorShare: Self.driverLimit)] + names.map { HostPlan($0, processorShare: share) })
        defer { field.close() }
        field.removeAlso(program.folder)
        let driver = try field.host("driver")
        let address = "tcp://\(driver.address):7070"
        let json = program.folder.path + "/stage.json"
        // Enough tiles for all workers to have work while others are on their way.
        let loading = try program.on(driver).start(
            ["load", "--dispatch", "--listen", address, "--model", model, "--rows", "\(rows)", "--workers", "\(workers)"]
                + ["--concurrency", "\(4 * workers)", "--warm-up", "5", "--duration", "\(seconds)", "--patience", "300", "--json", json]
                + keys.coordinator)
        for name in names {
            _ = try program.on(field.host(name)).start(
                ["worker", "--model", model, "--name", name, "--connect", address, "--threads", "1"] + keys.worker)
        }
        // The load lasts until shortly before the driver ends: its last seconds tell what it used.
        var samples: [(at: ContinuousClock.Instant, used: Double)] = []
        try await eventually(within: .seconds(seconds + 400), every: .milliseconds(250), "the load ends") {
            if let used = ProcessorTime.seconds(of: loading.processID) { samples.append((.now, used)) }
            return loading.end != nil
        }
        let outcome = loading.process.result
        guard outcome.succeeded else { throw HarnessError("\(outcome)") }
        guard let report = try? ScalingJSON.decode(Report.self, from: json), let run = report.runs.first else {
            throw HarnessError("the driver wrote no report: \(outcome)")
        }
        let last = samples.suffix(Int(max(2, seconds * 4 - 8)))
        let passed = last.first.flatMap { first in last.last.map { first.at.duration(to: $0.at) / .seconds(1) } } ?? 0
        let used = (last.last?.used ?? 0) - (last.first?.used ?? 0)
        return Outcome(
            workers: workers, rowsPerSecond: run.rowsPerSecond, failed: run.failed, driverShare: passed > 0 ? used / passed : 0)
    }
}

enum ScalingJSON {
    static func decode<R: Decodable>(_ type: R.Type, from path: String) throws -> R {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(contentsOf: URL(filePath: path)))
    }
}
