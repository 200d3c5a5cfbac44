import ArgumentParser
import Foundation
import Plots
import Training

/// `medmoe plot`
struct PlotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Draws what a training log tells: loss, learning rate, confusion of modalities, tokens per expert and domain, scores.",
        discussion: """
            Each log is a file of JSON lines as `medmoe train` writes it. Of several logs the curves of a stage are drawn into one \
            diagram, to compare runs. Lines that tell nothing known are named and passed over; half a line at the end, left by a process \
            that was killed, is no fault.

              medmoe plot --out plots run/log.jsonl
              medmoe plot --out plots with-meta.jsonl without-meta.jsonl
            """)

    /// So that a file that is no log at all does not fill the screen.
    private static let mostNotes = 10

    @Option(help: ArgumentHelp("Folder for the figures; made where it is missing.", valueName: "dir"))
    var out = "plots"

    @Argument(help: ArgumentHelp("Training logs.", valueName: "log.jsonl"))
    var logs: [String]

    func run() throws {
        let read = try logs.map { try TrainingLog(contentsOf: $0) }
        for log in read {
            for problem in log.problems.prefix(Self.mostNotes) { Terminal.note("Note: \(problem)") }
            if log.problems.count > Self.mostNotes { Terminal.note("Note: \(log.file): \(log.problems.count - Self.mostNotes) more such lines") }
            if log.endsTorn { Terminal.note("Note: \(log.file): the last line is cut off, as when the writer was killed") }
            guard !log.records.isEmpty else { throw PlotCommandError(description: "\(log.file): it has no record of a training log") }
        }
        let figures = try TrainingFigures(read).all
        guard !figures.isEmpty else { throw PlotCommandError(description: "\(logs.joined(separator: ", ")): there is nothing to draw yet") }
        try LoadOutput.makeFolder(out)
        for (name, figure) in figures {
            let path = "\(out)/\(name).svg"
            try LoadOutput.write(try figure.svg(), to: path)
            try Terminal.output(path + "\n")
        }
    }
}

/// Why nothing can be drawn.
struct PlotCommandError: Error, CustomStringConvertible {
    let description: String
}
