import Foundation
import MedMoE
import Wire

/// How a coordinator and its workers are, for people and as JSON.
struct StatusReport {
    let status: StatusReply

    init(_ status: StatusReply) { self.status = status }

    /// Silence after which a worker is likely gone: it should beat every second.
    private static let silence = 2000

    private func state(_ worker: StatusReply.Worker) -> String {
        if worker.isLeaving { return "leaving" }
        if worker.isStuck { return "stuck" }
        return worker.silentMilliseconds > StatusReport.silence ? "silent" : "ready"
    }

    private func domain(_ expert: Int) -> String? { status.domains.indices.contains(expert) ? status.domains[expert] : nil }

    private func milliseconds(_ value: Double) -> String { String(format: "%.1f", value) }

    private func perSecond(_ value: Double) -> String { String(format: "%.0f", value) }

    var text: String {
        var parts = [workers.text]
        if status.workersTotal > status.workers.count { parts[0] += "\n… and \(status.workersTotal - status.workers.count) workers more" }
        if !status.experts.isEmpty { parts.append(experts.text) }
        parts.append(totals.joined(separator: "\n"))
        return parts.joined(separator: "\n\n")
    }

    private var workers: TextTable {
        var table = TextTable(["worker", "state", "experts", "tiles done", "rows done", "rows/s", "outstanding rows", "pace", "silent ms"])
        for worker in status.workers {
            table.add([
                worker.name, state(worker), worker.experts.map { domain($0) ?? "\($0)" }.joined(separator: ", "), "\(worker.tilesDone)",
                "\(worker.rowsDone)", perSecond(worker.rowsPerSecond), "\(worker.outstandingRows)", String(format: "%.2f", worker.pace),
                "\(worker.silentMilliseconds)",
            ])
        }
        return table
    }

    private var experts: TextTable {
        var table = TextTable([
            "expert", "replicas", "rows done", "rows/s", "waiting tiles", "outstanding rows", "trip p50 ms", "trip p99 ms", "compute p50 ms", "compute p99 ms",
        ])
        for expert in status.experts {
            table.add([
                domain(expert.expert).map { "\(expert.expert) \($0)" } ?? "\(expert.expert)", "\(expert.replicas)", "\(expert.rowsDone)",
                perSecond(expert.rowsPerSecond), "\(expert.waitingTiles)", "\(expert.outstandingRows)", milliseconds(expert.roundTrip.p50),
                milliseconds(expert.roundTrip.p99), milliseconds(expert.compute.p50), milliseconds(expert.compute.p99),
            ])
        }
        return table
    }

    private var totals: [String] {
        var lines: [String] = []
        if status.draining { lines.append("SHUTTING DOWN: no new requests are taken") }
        if !status.modelDigest.isEmpty { lines.append("model: \(status.modelDigest)") }
        lines.append("requests: \(status.runningRequests) running, \(status.waitingRequests) waiting; tiles waiting: \(status.waitingTiles)")
        if status.longestWait > 0 {
            lines.append(
                "waits for experts: p50 \(milliseconds(status.waits.p50)) ms, p99 \(milliseconds(status.waits.p99)) ms, longest \(milliseconds(status.longestWait)) ms")
        }
        if !status.covered {
            lines.append("NOT COVERED: \(DispatchError.expertsLost(status.missing.map { ExpertAddress(layer: $0.layer, expert: $0.expert) }))")
        }
        return lines + status.counters.sorted { $0.key < $1.key }.filter { $0.value > 0 }.map { "\($0.key): \($0.value)" }
    }

    /// One object with stable keys in snake_case.
    func json(pretty: Bool) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(record), as: UTF8.self)
    }

    private var record: StatusRecord {
        StatusRecord(
            coordinator: status.coordinator, modelDigest: status.modelDigest, covered: status.covered, draining: status.draining,
            missing: status.missing.map { .init(layer: $0.layer, expert: $0.expert) },
            requests: .init(running: status.runningRequests, waiting: status.waitingRequests), waitingTiles: status.waitingTiles,
            waitsMs: .init(p50: status.waits.p50, p99: status.waits.p99, longest: status.longestWait),
            workersTotal: status.workersTotal,
            workers: status.workers.map { worker in
                .init(
                    name: worker.name, run: worker.run, state: state(worker), experts: worker.experts,
                    domains: worker.experts.compactMap(domain), places: worker.places, outstandingTiles: worker.outstandingTiles,
                    outstandingRows: worker.outstandingRows, tilesDone: worker.tilesDone, rowsDone: worker.rowsDone,
                    rowsPerSecond: worker.rowsPerSecond, pace: worker.pace, silentMs: worker.silentMilliseconds)
            },
            experts: status.experts.map { expert in
                .init(
                    expert: expert.expert, domain: domain(expert.expert), replicas: expert.replicas, rowsDone: expert.rowsDone,
                    rowsPerSecond: expert.rowsPerSecond, waitingTiles: expert.waitingTiles, outstandingRows: expert.outstandingRows,
                    roundTripMs: .init(p50: expert.roundTrip.p50, p99: expert.roundTrip.p99),
                    computeMs: .init(p50: expert.compute.p50, p99: expert.compute.p99))
            },
            counters: status.counters)
    }
}

/// The status as JSON has it.
private struct StatusRecord: Encodable {
    struct Place: Encodable { var layer, expert: Int }
    struct Requests: Encodable { var running, waiting: Int }
    struct Times: Encodable { var p50, p99: Double }
    struct Waits: Encodable { var p50, p99, longest: Double }

    struct Worker: Encodable {
        var name, run, state: String
        var experts: [Int]
        var domains: [String]
        var places, outstandingTiles, outstandingRows: Int
        var tilesDone, rowsDone: UInt64
        var rowsPerSecond, pace: Double
        var silentMs: Int
    }

    struct Expert: Encodable {
        var expert: Int
        var domain: String?
        var replicas: Int
        var rowsDone: UInt64
        var rowsPerSecond: Double
        var waitingTiles, outstandingRows: Int
        var roundTripMs, computeMs: Times
    }

    var coordinator, modelDigest: String
    var covered, draining: Bool
    var missing: [Place]
    var requests: Requests
    var waitingTiles: Int
    var waitsMs: Waits
    var workersTotal: Int
    var workers: [Worker]
    var experts: [Expert]
    var counters: [String: UInt64]
}
