import Evaluation
import Foundation

/// Cells of a table of figures, for a terminal or for Markdown.
struct EvalGrid {
    let header: [String]
    var rows: [[String]] = []

    private static let scores = ["closed acc.", "open recall", "exact match", "F1", "BLEU-1", "BLEU-2", "BLEU-3"]

    var plain: String {
        var table = TextTable(header)
        for row in rows { table.add(row) }
        return table.text
    }

    var markdown: String {
        ([header, header.map { _ in "---" }] + rows).map { "| " + $0.map(Self.escaped).joined(separator: " | ") + " |" }.joined(separator: "\n")
    }

    /// One line per set, and below it the baselines.
    static func overall(_ report: EvaluationReport) -> EvalGrid {
        var grid = EvalGrid(header: ["set", "n"] + scores)
        for set in report.datasets {
            grid.rows.append([set.name, "\(set.questions)"] + cells(set.overall))
            guard let baselines = set.baselines else { continue }
            let answers = [baselines.closedAnswer, baselines.openAnswer].compactMap { $0.map { "\"\($0)\"" } }.joined(separator: ", ")
            grid.rows.append(["· most frequent (\(answers))", ""] + cells(baselines.mostFrequent.table))
            grid.rows.append(["· same question", ""] + cells(baselines.questionOnly.table))
        }
        return grid
    }

    /// One table per kind of label that has more than one value.
    static func groups(of set: DatasetReport) -> [(title: String, grid: EvalGrid)] {
        [("modality", set.byModality), ("organ", set.byOrgan), ("question type", set.byQuestionType)].compactMap { kind, tables in
            guard tables.count > 1 else { return nil }
            var grid = EvalGrid(header: [kind, "n"] + scores)
            for (label, table) in tables.sorted(by: { $0.key < $1.key }) { grid.rows.append([label, "\(table.questions)"] + cells(table)) }
            return ("\(set.name) by \(kind)", grid)
        }
    }

    /// Accuracy and AUC, beside naming the most frequent class, and how the classes were told apart.
    static func classification(_ set: ClassificationReport) -> EvalGrid {
        var grid = EvalGrid(header: ["class", "n"] + set.classes.map { "as \($0)" } + ["accuracy", "AUC", "always the most frequent"])
        for (index, name) in set.classes.enumerated() {
            let own = set.counts[index]
            let correct = own > 0 ? figure(100 * Double(set.confusion[index][index]) / Double(own)) : "·"
            grid.rows.append([name, "\(own)"] + set.confusion[index].map(String.init) + [correct, "", ""])
        }
        let sums = set.classes.indices.map { column in "\(set.confusion.reduce(0) { $0 + $1[column] })" }
        grid.rows.append(["all", "\(set.counts.reduce(0, +))"] + sums + [cell(set.accuracy), cell(set.auc), figure(set.majorityAccuracy)])
        return grid
    }

    /// Text from outside as a Markdown cell.
    static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "|", with: "\\|").replacingOccurrences(of: "\n", with: " ")
    }

    private static func cells(_ table: ScoreTable) -> [String] {
        // Intervals for the two scores that papers report; the JSON has those of the others.
        [table.closedAccuracy, table.openRecall].map(cell)
            + [table.openExactMatch, table.openF1, table.bleu1, table.bleu2, table.bleu3].map { $0.map { figure($0.value) } ?? "·" }
    }

    private static func cell(_ estimate: Estimate?) -> String {
        guard let estimate else { return "·" }
        return "\(figure(estimate.value)) (\(figure(estimate.low))–\(figure(estimate.high)))"
    }

    private static func figure(_ value: Double) -> String { String(format: "%.1f", value) }
}
