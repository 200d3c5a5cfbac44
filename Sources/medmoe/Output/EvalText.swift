import Evaluation
import Foundation

/// An evaluation's report for people: aligned tables for a terminal, or Markdown.
struct EvalText {
    private let report: EvaluationReport

    init(_ report: EvaluationReport) { self.report = report }

    /// Tables below each other, without a trailing newline.
    var plain: String {
        var parts = [["scores in percent (95 % bootstrap interval over questions)", EvalGrid.overall(report).plain].joined(separator: "\n")]
        for set in report.datasets { parts += EvalGrid.groups(of: set).map { "\($0.title)\n\($0.grid.plain)" } }
        parts += report.classification.map { "\($0.name): \($0.question)\n\(EvalGrid.classification($0).plain)" }
        return (parts + [footer]).joined(separator: "\n\n")
    }

    var markdown: String {
        var lines = ["# Evaluation" + (report.settings.model.map { " of \(EvalGrid.escaped($0))" } ?? ""), ""]
        lines += ["Research only, not for clinical use. Scores in percent, with 95 % bootstrap intervals over questions.", ""]
        lines += [EvalGrid.overall(report).markdown, ""]
        for set in report.datasets {
            for part in EvalGrid.groups(of: set) { lines += ["## \(EvalGrid.escaped(part.title))", "", part.grid.markdown, ""] }
        }
        for set in report.classification {
            lines += ["## \(EvalGrid.escaped(set.name))", "", EvalGrid.escaped(set.question), "", EvalGrid.classification(set).markdown, ""]
        }
        return (lines + [footer, ""]).joined(separator: "\n")
    }

    private var footer: String {
        let settings = report.settings
        var parts: [String] = []
        if let parameters = report.parameters {
            let share = String(format: "%.1f", parameters.activatedPercent)
            parts.append("\(grouped(parameters.total)) parameters, \(grouped(parameters.activated)) activated per token (\(share) %)")
        }
        parts.append("greedy, at most \(settings.maximumTokens) tokens")
        parts.append("\(settings.resamples) bootstrap samples, seed \(settings.seed)")
        let skipped = report.skipped.values.reduce(0, +)
        if skipped > 0 { parts.append("\(skipped) bad entries left out") }
        if report.degraded > 0 { parts.append("DEGRADED: \(report.degraded) answers were made without an expert that was missing") }
        parts.append(String(format: "%.1f s", report.seconds))
        return parts.joined(separator: "; ")
    }
}
