import Foundation
import MedMoE

/// What `medmoe bench links` measured.
struct LinksReport {
    enum Side: Int, CaseIterable { case plain, encrypted }

    private struct Values {
        var decode: [Double] = []
        var prefill: [Double] = []
        var times = ThreadTimes()
    }

    let batch: Int
    let prompt: Int
    let workers: Int
    private var sides: [Side: Values] = [:]

    init(batch: Int, prompt: Int, workers: Int) {
        self.batch = batch
        self.prompt = prompt
        self.workers = workers
    }

    /// Adds one measurement.
    mutating func add(_ side: Side, decode: Double, prefill: Double, _ times: ThreadTimes) {
        sides[side, default: Values()].decode.append(decode)
        sides[side, default: Values()].prefill.append(prefill)
        sides[side, default: Values()].times = sides[side, default: Values()].times + times
    }

    var summary: LinksSummary {
        let plain = sides[.plain] ?? Values()
        let encrypted = sides[.encrypted] ?? Values()
        return LinksSummary(
            batch: batch, prompt: prompt, workers: workers, repeats: plain.decode.count,
            decode: .init(plain: plain.decode, encrypted: encrypted.decode), prefill: .init(plain: plain.prefill, encrypted: encrypted.prefill),
            plainThreads: plain.times.seconds, encryptedThreads: encrypted.times.seconds)
    }
}

/// The figures, as a table or as JSON.
struct LinksSummary: Encodable {
    struct Figure: Encodable {
        /// Tokens per second, medians.
        let plain: Double
        let encrypted: Double
        /// Encrypted beside plain: of the medians, and the least and most of any turn.
        let ratio: Double
        let least: Double
        let most: Double

        init(plain: [Double], encrypted: [Double]) {
            self.plain = median(plain)
            self.encrypted = median(encrypted)
            ratio = self.encrypted / self.plain
            let turns = zip(encrypted, plain).map { $0 / $1 }
            least = turns.min() ?? ratio
            most = turns.max() ?? ratio
        }
    }

    let batch: Int
    let prompt: Int
    let workers: Int
    let repeats: Int
    let decode: Figure
    let prefill: Figure
    /// Processor seconds of the coordinator's threads, by name.
    let plainThreads: [String: Double]
    let encryptedThreads: [String: Double]

    enum CodingKeys: String, CodingKey {
        case batch, prompt, workers, repeats, decode, prefill
        case plainThreads = "plain_thread_seconds"
        case encryptedThreads = "encrypted_thread_seconds"
    }

    var text: String {
        var table = TextTable(["", "plain tokens/s", "encrypted tokens/s", "encrypted : plain", "least", "most"])
        for (name, figure) in [("decode", decode), ("prefill", prefill)] {
            table.add([name] + [figure.plain, figure.encrypted].map { String(format: "%.1f", $0) } + [figure.ratio, figure.least, figure.most].map { String(format: "%.3f", $0) })
        }
        var threads = TextTable(["coordinator's threads, CPU s", "plain", "encrypted"])
        for name in Set(plainThreads.keys).union(encryptedThreads.keys).sorted() {
            let values = [plainThreads[name] ?? 0, encryptedThreads[name] ?? 0]
            if values.contains(where: { $0 >= 0.01 }) { threads.add([name] + values.map { String(format: "%.2f", $0) }) }
        }
        return table.text + "\n\n" + threads.text
            + "\n\n\(workers) workers, \(batch) requests decode together, a prompt of \(prompt) tokens; medians of \(repeats)"
    }
}
