import Checkpoints
import Cluster
import Foundation

/// What `medmoe bench traffic` counted, as a table or as JSON. All figures are per token, there and back.
struct TrafficReport: Encodable {
    struct Line: Encodable {
        var phase: String
        var batch: Int
        var tokens: Int
        var messages: Double
        var leastMessages: Double
        var bytes: Double
        var leastBytes: Double
        /// Messages that have nothing to do with tiles, in the whole phase.
        var otherMessages: UInt64

        enum CodingKeys: String, CodingKey {
            case phase, batch, tokens, messages, bytes
            case leastMessages = "least_messages"
            case leastBytes = "least_bytes"
            case otherMessages = "other_messages"
        }
    }

    let width: Int
    let mixtureLayers: Int
    let topK: Int
    let workers: Int
    private(set) var lines: [Line] = []

    enum CodingKeys: String, CodingKey {
        case width, workers, lines
        case mixtureLayers = "mixture_layers"
        case topK = "top_k"
    }

    init(configuration: ModelConfiguration, workers: Int) {
        width = configuration.hiddenSize
        mixtureLayers = configuration.mixture?.layers.count ?? 0
        topK = configuration.mixture?.topK ?? 0
        self.workers = workers
    }

    mutating func add(_ name: String, batch: Int, _ phase: TrafficMeasurement.Phase) {
        let tokens = Double(max(1, phase.tokens))
        lines.append(
            Line(
                phase: name, batch: batch, tokens: phase.tokens, messages: Double(phase.messages) / tokens,
                leastMessages: Double(phase.leastMessages) / tokens, bytes: Double(phase.bytes) / tokens,
                leastBytes: Double(phase.leastBytes) / tokens, otherMessages: phase.otherMessages))
    }

    var text: String {
        var table = TextTable([
            "phase", "batch", "messages/token", "least", "ratio", "bytes/token", "least", "ratio", "other messages",
        ])
        for line in lines {
            table.add([
                line.phase, "\(line.batch)", String(format: "%.3f", line.messages), String(format: "%.3f", line.leastMessages),
                String(format: "%.3f", line.messages / max(line.leastMessages, .leastNonzeroMagnitude)),
                String(format: "%.0f", line.bytes), String(format: "%.0f", line.leastBytes),
                String(format: "%.3f", line.bytes / max(line.leastBytes, .leastNonzeroMagnitude)), "\(line.otherMessages)",
            ])
        }
        return table.text + "\ntop-\(topK), \(mixtureLayers) mixture layers, rows of \(width) float32, \(workers) workers"
    }
}
