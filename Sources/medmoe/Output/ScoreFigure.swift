import Plots
import Training

/// Scores on development data after each stage that was evaluated.
enum ScoreFigure {
    static func scores(_ logs: [(name: String, log: TrainingLog)]) -> Figure? {
        let evaluations = logs.flatMap { name, log in
            log.evaluations.map { (name: name.isEmpty ? $0.stage : "\(name): \($0.stage)", datasets: $0.datasets) }
        }
        let datasets = Set(evaluations.flatMap(\.datasets.keys)).sorted()
        func plot(_ title: String, _ value: (EvaluationRecord.Scores) -> Double?) -> Plot? {
            let series = evaluations.enumerated().compactMap { index, evaluation -> Series? in
                let points = datasets.enumerated().compactMap { place, dataset in
                    evaluation.datasets[dataset].flatMap(value).map { Point(Double(place), $0) }
                }
                return points.isEmpty ? nil : Series(evaluation.name, .bars, points, gaps: .skipped, color: index)
            }
            guard series.contains(where: { $0.points.contains(where: \.y.isFinite) }) else { return nil }
            return Plot(title: title, x: Axis("", .categories(datasets)), y: Axis("%", including: [0, 100]), series: series)
        }
        let plots = [plot("Closed questions: accuracy", \.closedAccuracy), plot("Open questions: recall", \.openRecall)].compactMap { $0 }
        return plots.isEmpty ? nil : Figure(panels: plots, panelHeight: 320)
    }
}
