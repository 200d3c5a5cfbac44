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
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            let data = String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
            if json == "-" { Terminal.write(data) } else { try LoadOutput.write(data, to: json) }
        }
        if json != "-" { Terminal.write(text.plain + "\n") }
    }
}
