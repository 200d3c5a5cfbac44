/// Counts which worker computed how many rows of one request.
struct RoutingTally {
    private struct Place: Hashable {
        var layer: Int
        var expert: Int
        var worker: String
    }

    private var rows: [Place: Int] = [:]

    mutating func add(layer: Int, expert: Int, worker: String, rows count: Int) {
        rows[Place(layer: layer, expert: expert, worker: worker), default: 0] += count
    }

    /// Sorted by layer, expert and worker.
    var entries: [AnswerSummary.RoutingEntry] {
        rows.map { .init(layer: $0.layer, expert: $0.expert, worker: $0.worker, tokens: $1) }
            .sorted { ($0.layer, $0.expert, $0.worker) < ($1.layer, $1.expert, $1.worker) }
    }
}
