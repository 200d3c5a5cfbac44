import ArgumentParser
import Foundation
import Load
import Plots

/// `medmoe load plot`
struct LoadPlotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Compares reports of `medmoe load --rate … --json FILE`, or draws a table of numbers.",
        discussion: """
            Reports at several rates give a table, latency-over-rate.svg and goodput-over-rate.svg.

              medmoe load plot --out plots rate-*.json
              medmoe load plot --out plots --table memory.tsv --title "Memory" --y-label MiB    # memory.svg
            """)

    @Option(help: ArgumentHelp("Folder for the figures; made where it is missing.", valueName: "dir"))
    var out: String?

    @Option(help: ArgumentHelp("Numbers separated by blanks, one line per place: first the x, then a value per series; names in the first line.", valueName: "file"))
    var table: String?

    @Option(help: "With --table: title of the figure.") var title = ""
    @Option(name: .customLong("y-label"), help: "With --table: what the values are.") var yLabel = ""

    @Argument(help: ArgumentHelp("Reports.", valueName: "file"))
    var files: [String] = []

    func validate() throws {
        guard table != nil || !files.isEmpty else { throw ValidationError("Give reports of `medmoe load --json`, or --table FILE.") }
        guard table == nil || files.isEmpty else { throw ValidationError("Give either reports or --table FILE.") }
        guard table == nil || out != nil else { throw ValidationError("--table needs --out DIR.") }
    }

    func run() throws {
        if let out { try LoadOutput.makeFolder(out) }
        if let table, let out {
            let figure = try NumberTable(contentsOf: table).figure(title: title, yLabel: yLabel)
            let name = URL(filePath: table).deletingPathExtension().lastPathComponent
            try LoadOutput.write(try figure.svg(), to: "\(out)/\(name).svg")
            return
        }
        let reports = try files.map(LoadPlotCommand.report)
        let comparison = LoadComparison(reports)
        try Terminal.output(comparison.text + "\n")
        if let out {
            for (name, figure) in comparison.figures.sorted(by: { $0.key < $1.key }) {
                try LoadOutput.write(try figure.svg(), to: "\(out)/\(name).svg")
            }
        }
    }

    private static func report(_ path: String) throws -> LoadReport {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw LoadOutputError(description: "\(path): cannot be read; write it with `medmoe load --json FILE`")
        }
        guard let report = try? ReportCoding.decode(LoadReport.self, from: data), report.kind == "answers" else {
            throw LoadOutputError(description: "\(path): is not a report of `medmoe load --json FILE`")
        }
        return report
    }
}
