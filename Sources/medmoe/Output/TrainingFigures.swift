import Plots
import Training

/// Training logs as figures, by file name without its ending.
struct TrainingFigures {
    /// A log with the name that it has in legends; empty if there is only one.
    private let logs: [(name: String, log: TrainingLog)]

    init(_ logs: [TrainingLog]) {
        let names = logs.count > 1 ? LogNames.names(of: logs.map(\.file)) : [""]
        self.logs = logs.isEmpty ? [] : Array(zip(names, logs))
    }

    /// All that the logs have something for, in the order in which a person would look at them.
    var all: [(name: String, figure: Figure)] {
        get throws {
            var figures: [(String, Figure)] = []
            let losses = stages.compactMap(loss)
            if !losses.isEmpty { figures.append(("loss", Figure(panels: losses, panelHeight: 340))) }
            let rates = stages.compactMap(rate)
            if !rates.isEmpty { figures.append(("learning-rate", Figure(panels: rates, panelHeight: 260))) }
            figures += logs.flatMap { RouterFigures.confusion($0.log, name: $0.name) }
            figures += logs.flatMap { RouterFigures.routing($0.log, name: $0.name) }
            if let scores = ScoreFigure.scores(logs) { figures.append(("scores", scores)) }
            return figures
        }
    }

    /// Stages of any log, in the order of their first step.
    private var stages: [String] {
        logs.flatMap(\.log.stages).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// Every step's loss, pale, and its mean over a fiftieth of the stage on either side.
    private func loss(_ stage: String) -> Plot? {
        var series: [Series] = []
        var reaches: [Int] = []
        for (index, entry) in logs.enumerated() {
            let points = entry.log.steps(of: stage).map { Point(Double($0.step), $0.loss) }
            guard points.contains(where: \.y.isFinite) else { continue }
            let raw = Series("", .line, points, gaps: .skipped, color: index, isFaint: true)
            let reach = points.count / 50
            var mean = raw.smoothed(reach: reach)
            mean.name = entry.name
            mean.isFaint = false
            reaches.append(reach)
            series += reach > 0 ? [raw.thinned(), mean] : [mean]
        }
        guard let least = reaches.min(), let most = reaches.max() else { return nil }
        let subtitle = most == 0 ? "" : "pale: each step; strong: mean over \(least == most ? "" : "\(least) to ")\(most) steps before and after"
        return Plot(title: "Loss: \(stage)", subtitle: subtitle, x: Axis("step"), y: Axis("nats", including: [0]), series: sorted(series))
    }

    private func rate(_ stage: String) -> Plot? {
        let series = logs.enumerated().compactMap { index, entry -> Series? in
            let points = entry.log.steps(of: stage).compactMap { step in step.rate.map { Point(Double(step.step), $0) } }
            guard points.contains(where: \.y.isFinite) else { return nil }
            return Series(entry.name, .line, points, gaps: .skipped, color: index).thinned()
        }
        guard !series.isEmpty else { return nil }
        return Plot(title: "Learning rate: \(stage)", x: Axis("step"), y: Axis("rate", including: [0]), series: series)
    }

    /// Pale lines behind all strong ones.
    private func sorted(_ series: [Series]) -> [Series] { series.filter(\.isFaint) + series.filter { !$0.isFaint } }
}
