import Foundation
import Training

/// What trainers hold, and what crossed the network, in words.
enum FleetText {
    static func shares(_ shares: [TrainerShare]) -> String {
        shares.map { "\($0.name) (\($0.experts.map(String.init).joined(separator: ", ")))" }.joined(separator: ", ")
    }

    static func summary(_ traffic: FleetTraffic) -> String {
        let rows = Double(max(1, traffic.rows))
        return String(
            format: "%@ rows of experts, %.0f bytes and %.3f messages each, × %.3f of the least bytes; states: %.1f MiB", grouped(Int(clamping: traffic.rows)),
            Double(traffic.bytes) / rows, Double(traffic.messages) / rows, Double(traffic.bytes) / Double(max(1, traffic.leastBytes)),
            Double(traffic.stateBytes) / Double(1 << 20))
    }
}
