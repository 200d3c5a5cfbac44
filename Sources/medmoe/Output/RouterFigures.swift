import Plots
import Training

/// What the router did: the paper's analysis figures.
enum RouterFigures {
    /// The last confusion matrix of each stage of a log.
    static func confusion(_ log: TrainingLog, name: String) -> [(String, Figure)] {
        let records = log.confusions
        return records.map { record in
            let name = label(name, record.stage, of: records.count)
            let right = record.labels.indices.reduce(0) { $0 + record.counts[$1][$1] }
            let all = record.counts.joined().reduce(0, +)
            var subtitle = "\(grouped(right)) of \(grouped(all)) right" + (all > 0 ? " (\(HeatMap.percentage(Double(right) / Double(all))))" : "")
            if !name.isEmpty { subtitle = "\(name): " + subtitle }
            let map = HeatMap.confusion(title: "Modality of held-out images", subtitle: subtitle, labels: record.labels, counts: record.counts)
            let side = Double(max(record.labels.count * 90, 360))
            return (fileName("confusion", name), Figure([.heatMap(map)], width: min(side + 180, 20_000), panelHeight: min(side * 0.8 + 120, 20_000)))
        }
    }

    /// Tokens per expert and domain, of the last count of each stage of a log: a diagram of bars for each mixture layer, and a table for
    /// each domain.
    static func routing(_ log: TrainingLog, name: String) -> [(String, Figure)] {
        let records = log.routings
        return records.flatMap { routing($0, name: label(name, $0.stage, of: records.count)) }
    }

    private static func routing(_ record: RoutingRecord, name: String) -> [(String, Figure)] {
        let layers = record.layers.indices.map { bars(record, layer: $0, name: name) }
        let domains = record.domains.indices.map { Panel.heatMap(map(record, domain: $0, name: name)) }
        let columns = min(3, record.layers.count)
        let mapColumns = min(2, domains.count)
        let mapWidth = Double(max(record.layers.count * 56 + 140, 380))
        return [
            (fileName("routing", name), Figure(panels: layers, columns: columns, width: Double(columns) * 420, panelHeight: 340)),
            (fileName("routing-by-layer", name),
             Figure(domains, columns: mapColumns, width: min(Double(mapColumns) * mapWidth, 20_000), panelHeight: Double(record.experts.count * 44 + 140))),
        ]
    }

    /// What a figure is called: by its log if there are several, and by its stage if the log has several.
    private static func label(_ log: String, _ stage: String?, of count: Int) -> String {
        [log, count > 1 ? stage ?? "" : ""].filter { !$0.isEmpty }.joined(separator: " ")
    }

    private static func bars(_ record: RoutingRecord, layer: Int, name: String) -> Plot {
        Plot(
            title: "Layer \(record.layers[layer]): tokens per expert", subtitle: name, x: Axis("domain", .categories(record.domains)),
            y: Axis("% of the domain's tokens", including: [0, 100]),
            series: record.experts.enumerated().map { expert, expertName in
                Series(expertName, .bars, record.domains.indices.map { domain in
                    Point(Double(domain), 100 * share(record.counts[layer][domain], expert))
                })
            }, bars: .stacked)
    }

    private static func map(_ record: RoutingRecord, domain: Int, name: String) -> HeatMap {
        let tokens = record.counts.first.map { $0[domain].reduce(0, +) } ?? 0
        return HeatMap(
            title: "\(record.domains[domain]): % of its tokens", subtitle: (name.isEmpty ? "" : "\(name): ") + "\(grouped(tokens)) tokens",
            rowLabel: "expert", columnLabel: "layer", rows: record.experts, columns: record.layers.map(String.init),
            cells: record.experts.indices.map { expert in
                record.layers.indices.map { layer in
                    let share = share(record.counts[layer][domain], expert)
                    return HeatMap.Cell(share: share, lines: ["\(Int((share * 100).rounded()))"])
                }
            })
    }

    /// A domain without tokens has no shares.
    private static func share(_ counts: [Int], _ expert: Int) -> Double {
        let sum = counts.reduce(0.0) { $0 + Double($1) }
        return sum > 0 ? Double(counts[expert]) / sum : 0
    }

    /// Characters that mean something in paths become dashes.
    private static func fileName(_ figure: String, _ log: String) -> String {
        guard !log.isEmpty else { return figure }
        return figure + "-" + String(log.map { $0.isLetter || $0.isNumber || "._-".contains($0) ? $0 : "-" })
    }
}
