import Evaluation
import Foundation

/// The steps of a course, and its ablations, beside each other: closed accuracy and open recall with their 95 % intervals.
enum CourseText {
    static func table(_ results: [(title: String, scores: SavedScores)]) -> String {
        let sets = Set(results.flatMap(\.scores.datasets.keys)).sorted()
        var table = TextTable(["model"] + sets.flatMap { ["\($0) closed", "\($0) open"] })
        for (title, scores) in results {
            table.add(
                [title] + sets.flatMap { set in
                    [figure(scores.datasets[set]?.closedAccuracy), figure(scores.datasets[set]?.openRecall)]
                })
        }
        return table.text + "\n"
    }

    private static func figure(_ estimate: Estimate?) -> String {
        estimate.map { String(format: "%.1f (%.1f–%.1f)", $0.value, $0.low, $0.high) } ?? "-"
    }
}
