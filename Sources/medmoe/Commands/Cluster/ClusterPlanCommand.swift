import ArgumentParser
import Checkpoints
import Cluster
import Foundation

/// `medmoe cluster plan`
struct ClusterPlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Computes which worker holds which experts.",
        discussion: """
            Every expert is held at least once. What memory is left over is used for replicas, most for the experts with the \
            most traffic, and the load is balanced over the workers. --memory is what a worker may use for weights (float32, the \
            meta expert's included); about 50 MB per process come on top.

              medmoe cluster plan --model DIR --workers 3 --memory 2G
              medmoe cluster status --json > stats.json
              medmoe cluster plan --model DIR --workers 3 --memory 4G,2G,2G --traffic stats.json --out plan.json
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json, lines }

    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint, or of its coordinator's part.", valueName: "dir"))
    var modelFolder: String

    @Option(help: ArgumentHelp("Number of workers.", valueName: "n"))
    var workers: Int

    @Option(help: ArgumentHelp("Bytes for weights per worker (800M, 2G, 1500MiB), or one number per worker, separated by commas.", valueName: "bytes"))
    var memory: String

    @Option(help: ArgumentHelp("What `medmoe cluster status --json` wrote: the rows that each expert had. Default: as much for each.", valueName: "file"))
    var traffic: String?

    @Option(help: ArgumentHelp("Copies of each expert that are wanted before any gets more.", valueName: "n"))
    var replicas = 1

    @Option(help: ArgumentHelp("File for the plan as JSON.", valueName: "file"))
    var out: String?

    @Option(help: "What to print: a table, JSON, or lines for a shell script (name of the worker, blank, its experts).")
    var format: Format = .table

    func validate() throws {
        if !(1...1024).contains(workers) { throw ValidationError("--workers is \(workers); expected 1 to 1024") }
        if !(1...1024).contains(replicas) { throw ValidationError("--replicas is \(replicas); expected 1 to 1024") }
        _ = try sizes()
    }

    /// Bytes of each worker.
    private func sizes() throws -> [Int] {
        let sizes = try memory.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let size = ByteSize(argument: String(text)) else {
                throw ValidationError("--memory has \"\(text)\"; expected a number of bytes such as 800M, 2G or 1500MiB")
            }
            return size.bytes
        }
        guard sizes.count == 1 || sizes.count == workers else {
            throw ValidationError("--memory has \(sizes.count) sizes for \(workers) workers: give one, or one for each")
        }
        return sizes.count == workers ? sizes : Array(repeating: sizes[0], count: workers)
    }

    func run() throws {
        let folder = try CheckpointFolder(path: modelFolder)
        let configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        let summary = try CheckpointSummary(of: folder, topK: configuration.mixture?.topK ?? 1)
        var problem = PlacementProblem(of: summary, memory: try sizes(), replicas: replicas)
        if let traffic { problem.traffic = try RecordedTraffic(contentsOf: traffic).rows(experts: problem.expertBytes.count) }
        let plan = PlacementReport(
            plan: try PlacementPlanner.plan(problem), domains: configuration.mixture?.domains ?? [], replicasWanted: replicas)
        if let out { try Data(try plan.json().utf8).write(to: URL(filePath: out), options: .atomic) }
        switch format {
        case .table: try Terminal.output(plan.text + "\n")
        case .json: try Terminal.output(plan.json())
        case .lines: try Terminal.output(plan.lines)
        }
        for warning in plan.warnings { Terminal.note("Note: \(warning)") }
    }
}

/// The rows that each expert had, as a status report tells.
struct RecordedTraffic {
    private struct Report: Decodable {
        struct Expert: Decodable {
            var expert: Int
            var rows_done: Double
        }

        var experts: [Expert]
    }

    private let path: String
    private let report: Report

    /// - Throws: `TrafficFileError` that names the file.
    init(contentsOf path: String) throws {
        self.path = path
        guard let data = FileManager.default.contents(atPath: path) else {
            throw TrafficFileError(description: "\(path): cannot be read; write it with `medmoe cluster status --json`")
        }
        do {
            report = try JSONDecoder().decode(Report.self, from: data)
        } catch {
            throw TrafficFileError(
                description: "\(path): no list \"experts\" of {\"expert\", \"rows_done\"}; write the file with `medmoe cluster status --json`")
        }
    }

    /// By index; 0 for experts that the report does not have.
    func rows(experts: Int) throws -> [Double] {
        var rows = Array(repeating: 0.0, count: experts)
        for entry in report.experts {
            guard rows.indices.contains(entry.expert) else {
                throw TrafficFileError(description: "\(path): it is about expert \(entry.expert), but the model has \(experts): it belongs to another model")
            }
            rows[entry.expert] += entry.rows_done
        }
        return rows
    }
}

struct TrafficFileError: Error, Sendable, CustomStringConvertible {
    let description: String
}
