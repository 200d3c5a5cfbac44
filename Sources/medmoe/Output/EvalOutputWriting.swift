import Evaluation
import Foundation

extension EvalOutputs {
    /// Prints the table or the JSON, and writes the files.
    func write(_ report: EvaluationReport, predictions answers: [PredictionRecord], _ classified: [ClassificationRecord]) throws {
        if let predictions {
            let lines = try answers.map { try jsonLine($0) } + classified.map { try jsonLine($0) }
            try LoadOutput.write(lines.map { $0 + "\n" }.joined(), to: predictions)
        }
        let text = EvalText(report)
        if let markdown { try LoadOutput.write(text.markdown, to: markdown) }
        if let json {
            let data = try report.rendered()
            if json == "-" { try Terminal.output(data) } else { try LoadOutput.write(data, to: json) }
        }
        if json != "-" { try Terminal.output(text.plain + "\n") }
    }
}

extension EvaluationReport {
    /// The report as JSON for people and programs, with a line end.
    func rendered() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}
