import Evaluation
import Foundation

/// The steps of a course, and its ablations, beside each other: closed accuracy and open recall with their 95 % intervals.
enum CourseText {
    static func table(_ results: [(title: String, report: EvaluationReport)]) -> String {
        let sets = results.first?.report.datasets.map(\.name) ?? []
        var rows = [["model"] + sets.flatMap { ["\($0) closed", "\($0) open"] }]
        for (title, report) in results {
            rows.append(
                [title] + report.datasets.flatMap { [figure($0.overall.closedAccuracy), figure($0.overall.openRecall)] })
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + blanks : blanks + cell.0
            }.joined(separator: "  ") + "\n"
        }.joined()
    }

    private static func figure(_ estimate: Estimate?) -> String {
        estimate.map { String(format: "%.1f (%.1f–%.1f)", $0.value, $0.low, $0.high) } ?? "-"
    }
}
