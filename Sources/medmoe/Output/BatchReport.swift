import Foundation
import MedMoE
import Tensors

/// What `medmoe bench batch` measured, as a table or as JSON.
struct BatchReport: Encodable {
    struct Key: Hashable, Comparable {
        var lanes: Int
        /// Milliseconds that the network takes longer, each way.
        var delay: Double
        var batch: Int

        static func < (a: Key, b: Key) -> Bool { (a.lanes, a.delay, a.batch) < (b.lanes, b.delay, b.batch) }
    }

    struct Line: Encodable {
        var batch: Int
        var lanes: Int
        var networkDelay: Double
        /// Medians over the repeats.
        var tokensPerSecond: Double
        var least: Double
        var most: Double
        /// Against the smallest batch with the same lanes.
        var ratio: Double
        /// Shares of the limits, 1 being all of it.
        var ofReading: Double
        var ofGEMM: Double
        /// Of the time that a request alone would wait for the added delay, the part in which others moved on; nil without one.
        var hidden: Double?

        enum CodingKeys: String, CodingKey {
            case batch, lanes, least, most, ratio, hidden
            case networkDelay = "network_delay_ms"
            case tokensPerSecond = "tokens_per_second"
            case ofReading = "of_reading"
            case ofGEMM = "of_gemm"
        }
    }

    let lines: [Line]
    let smallestBatch: Int
    let tokens: Int
    let threads: Int
    let workers: Int?
    /// Bytes of weights that a step of one row reads.
    let stepBytes: Int
    let readBytesPerSecond: Double
    let operationsPerSecond: Double

    enum CodingKeys: String, CodingKey {
        case lines, tokens, threads, workers
        case smallestBatch = "smallest_batch"
        case stepBytes = "step_bytes"
        case readBytesPerSecond = "read_bytes_per_second"
        case operationsPerSecond = "operations_per_second"
    }

    init(rates: [Key: [Double]], speeds: [MachineSpeed], cost: StepCost, mixtureLayers: Int, threads: Int, workers: Int?, tokens: Int) {
        let reading = median(speeds.map(\.readBytes))
        let operations = median(speeds.map(\.operations))
        let smallest = rates.keys.map(\.batch).min() ?? 1
        lines = rates.sorted { $0.key < $1.key }.map { key, values in
            let rate = median(values)
            let steps = rate / Double(key.batch)
            // Lanes share the rows of a batch among them: each reads the weights for itself.
            let rows = max(1, key.batch / key.lanes)
            let stepsOfAllLanes = rate / Double(rows)
            let undelayed = median(rates[Key(lanes: key.lanes, delay: 0, batch: key.batch)] ?? [])
            let waits = Double(mixtureLayers) * 2 * key.delay / 1000
            return Line(
                batch: key.batch, lanes: key.lanes, networkDelay: key.delay, tokensPerSecond: rate, least: values.min() ?? rate, most: values.max() ?? rate,
                ratio: rate / median(rates[Key(lanes: key.lanes, delay: key.delay, batch: smallest)] ?? values),
                ofReading: stepsOfAllLanes * Double(cost.bytes(rows: rows)) / reading,
                ofGEMM: steps * cost.operations(rows: key.batch) / operations,
                hidden: waits > 0 && undelayed > 0 ? 1 - (1 / rate - 1 / undelayed) / waits : nil)
        }
        smallestBatch = smallest
        stepBytes = cost.bytes(rows: 1)
        readBytesPerSecond = reading
        operationsPerSecond = operations
        self.threads = threads
        self.workers = workers
        self.tokens = tokens
    }

    var text: String {
        let isDelayed = lines.contains { $0.networkDelay > 0 }
        var table = TextTable(
            ["batch", "lanes"] + (isDelayed ? ["delay ms"] : [])
                + ["tokens/s", "least", "most", "× batch \(smallestBatch)", "of reading", "of GEMM"] + (isDelayed ? ["hidden"] : []))
        for line in lines {
            table.add(
                ["\(line.batch)", "\(line.lanes)"] + (isDelayed ? [String(format: "%g", line.networkDelay)] : []) + [
                    String(format: "%.1f", line.tokensPerSecond), String(format: "%.1f", line.least),
                    String(format: "%.1f", line.most), String(format: "%.2f", line.ratio),
                    String(format: "%.1f %%", 100 * line.ofReading), String(format: "%.1f %%", 100 * line.ofGEMM),
                ] + (isDelayed ? [line.hidden.map { String(format: "%.1f %%", 100 * $0) } ?? "·"] : []))
        }
        let place = workers.map { "\($0) workers" } ?? "experts in this process"
        return table.text
            + "\n\(place), \(threads) threads; a step of one row reads \(grouped(stepBytes)) bytes of weights; reading "
            + String(format: "%.1f GB/s, GEMM %.0f GFLOP/s", readBytesPerSecond / 1e9, operationsPerSecond / 1e9)
    }
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
