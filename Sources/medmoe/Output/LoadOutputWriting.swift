import Foundation
import Load
import Plots

extension LoadOutputOptions {
    /// Prints the table or the JSON, and writes the files.
    func write(_ report: some Encodable, text: String, figures: () throws -> [String: Figure]) throws {
        if let json {
            let data = String(decoding: try ReportCoding.encode(report), as: UTF8.self) + "\n"
            if json == "-" { try Terminal.output(data) } else { try LoadOutput.write(data, to: json) }
        }
        if json != "-" { try Terminal.output(text + "\n") }
        guard let plotFolder else { return }
        let drawn = try figures()
        for (name, figure) in drawn.sorted(by: { $0.key < $1.key }) { try LoadOutput.write(try figure.svg(), to: "\(plotFolder)/\(name).svg") }
        if drawn.isEmpty { Terminal.note("Note: there is nothing to plot") }
    }
}
