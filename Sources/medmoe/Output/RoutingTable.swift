import MedMoE

/// Tokens per expert and worker, one line per layer and expert.
struct RoutingTable {
    let text: String

    init(_ routing: [AnswerSummary.RoutingEntry], domains: [String]) {
        guard !routing.isEmpty else {
            text = "no mixture layers"
            return
        }
        let workers = Set(routing.map(\.worker)).sorted()
        var table = TextTable(["layer", "expert"] + workers + ["share"])
        for layer in Set(routing.map(\.layer)).sorted() {
            let entries = routing.filter { $0.layer == layer }
            let total = entries.reduce(0) { $0 + $1.tokens }
            for expert in Set(entries.map(\.expert)).sorted() {
                let mine = entries.filter { $0.expert == expert }
                let name = domains.indices.contains(expert) ? "\(expert) \(domains[expert])" : "\(expert)"
                let counts = workers.map { worker in
                    let tokens = mine.filter { $0.worker == worker }.reduce(0) { $0 + $1.tokens }
                    return tokens == 0 ? "·" : "\(tokens)"
                }
                let share = total > 0 ? (100 * Double(mine.reduce(0) { $0 + $1.tokens }) / Double(total)).rounded() : 0
                table.add(["\(layer)", name] + counts + ["\(Int(share)) %"])
            }
        }
        text = table.text
    }
}
