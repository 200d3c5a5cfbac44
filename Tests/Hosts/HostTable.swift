import ClusterHarness
import Foundation
import Wire

/// A table of the hosts of a running cluster, again every two seconds.
struct HostTable {
    private let hosted: HostedCluster

    init(_ hosted: HostedCluster) { self.hosted = hosted }

    /// Shows it until this task is cancelled.
    ///
    /// - Throws: `HarnessError` when a process has ended.
    func show() async throws {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        var shown = 0
        while !Task.isCancelled {
            for worker in hosted.workers where worker.process.end != nil {
                throw HarnessError("the worker on \(worker.host.name) has ended: \(worker.process.process.result)")
            }
            for cluster in hosted.coordinators where cluster.coordinator.end != nil {
                throw HarnessError("a coordinator has ended: \(cluster.coordinator.process.result)")
            }
            let lines = try await rows().map(HostTable.line)
            // Over the last one, where that is possible.
            if isTerminal, shown > 0 { print("\u{1B}[\(shown)A", terminator: "") }
            for line in lines { print(isTerminal ? "\u{1B}[2K\(line)" : line) }
            if !isTerminal { print("") }
            fflush(nil)
            shown = lines.count
            try await Task.sleep(for: .seconds(2))
        }
    }

    private static let widths = [10, 12, 22, 26, 8, 8, 8, 9]

    private static func line(_ cells: [String]) -> String {
        zip(cells, widths).map { $0.count < $1 ? $0 + String(repeating: " ", count: $1 - $0.count) : $0 }.joined(separator: "  ")
    }

    private func rows() async throws -> [[String]] {
        var rows = [["host", "address", "limits", "link", "MiB", "experts", "rows/s", "tiles"]]
        for (number, cluster) in hosted.coordinators.enumerated() {
            guard hosted.field.hosts.indices.contains(number) else { continue }
            rows.append(facts(hosted.field.hosts[number], cluster.coordinator) + ["-", "-", "-"])
        }
        let statuses = await withTaskGroup(of: StatusReply?.self) { group in
            for cluster in hosted.coordinators { group.addTask { try? await cluster.status() } }
            return await group.reduce(into: [StatusReply]()) { if let status = $1 { $0.append(status) } }
        }
        for worker in hosted.workers {
            var tiles: UInt64 = 0
            var rate = 0.0
            var held = "lost"
            for seen in statuses.flatMap(\.workers) where seen.name == worker.host.name {
                tiles += seen.tilesDone
                rate += seen.rowsPerSecond
                held = seen.experts.map(String.init).joined(separator: ",")
            }
            rows.append(facts(worker.host, worker.process) + [held, String(Int(rate)), String(tiles)])
        }
        return rows
    }

    private func facts(_ host: TestHost, _ process: RunningProgram) -> [String] {
        let plan = host.plan
        var limits: [String] = []
        if let share = plan.processorShare { limits.append("\(Int((share * 100).rounded())) % of a core") }
        if let bytes = plan.memory { limits.append("\(bytes >> 20) MiB") }
        if let rate = plan.rate { limits.append("\(rate / 1000) kbit/s") }
        let condition = host.condition
        func milliseconds(_ time: Duration) -> String { "\(time / .milliseconds(1)) ms" }
        var link: [String] = []
        if condition.delay > .zero { link.append("+\(milliseconds(condition.delay))") }
        if condition.jitter > .zero { link.append("up to +\(milliseconds(condition.jitter))") }
        if condition.loss > 0 { link.append("loses \(condition.loss * 100) %") }
        let memory = ResidentMemory.bytes(of: process.processID).map { "\($0 >> 20)" } ?? "?"
        func joined(_ texts: [String]) -> String { texts.isEmpty ? "-" : texts.joined(separator: ", ") }
        return [host.name, host.address, joined(limits), joined(link), memory]
    }
}
