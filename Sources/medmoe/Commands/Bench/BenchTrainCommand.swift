import ArgumentParser
import Checkpoints
import Foundation
import Training

/// `medmoe bench train`
struct BenchTrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Measures updates of a model, against what a large matrix product reaches.",
        discussion: """
            Questions are made up; nothing is written. "of GEMM" is the operations of the linear layers against a large product of \
            OpenBLAS on the same threads, measured between the updates; attention, norms, activations and AdamW count as time only. \
            Figures are medians.

              medmoe bench train --model cluster/models/medmoe-tiny
            """)

    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint.", valueName: "dir")) var modelFolder: String
    @Option(help: "Questions of an update, each with an image.") var batch = 24
    @Option(help: "Tokens of text of each question.") var tokens = 40
    @Option(name: .customLong("repeat"), help: ArgumentHelp("Measurements of each figure.", valueName: "n")) var repeats = 7
    @Flag(help: "Print one JSON object.") var json = false
    @OptionGroup var compute: TrainThreads

    func validate() throws {
        if !(1...4096).contains(batch) { throw ValidationError("--batch is \(batch); expected 1 to 4096") }
        if !(5...4096).contains(tokens) { throw ValidationError("--tokens is \(tokens); expected 5 to 4096") }
        if !(1...1000).contains(repeats) { throw ValidationError("--repeat is \(repeats); expected 1 to 1000") }
    }

    func run() async throws {
        let model = try LearnableModel(folder: CheckpointFolder(path: modelFolder))
        var results: [(TrainingStep, LearningMeasurement.Result)] = []
        for step in [TrainingStep.instruct, .experts] {
            let settings = LearningMeasurement.Settings(
                step: step, questions: batch, tokens: tokens, repeats: repeats, threads: compute.count)
            let shared = SharedProgress("measuring \(step.rawValue)", total: repeats + 1)
            results.append((step, try await LearningMeasurement().run(model, settings) { _ in shared.advance() }))
        }
        let report = LearningReport(results, model: modelFolder, batch: batch)
        try Terminal.output((json ? jsonLine(report) : report.text) + "\n")
    }
}

/// What `medmoe bench train` measured, as a table or as JSON.
struct LearningReport: Encodable {
    struct Line: Encodable {
        var step: String
        var rows: Int
        /// Medians over the updates.
        var secondsPerUpdate: Double
        var least: Double
        var most: Double
        /// Part of the time that clipping and AdamW take.
        var ofOptimiser: Double
        var operations: Double
        var ofGEMM: Double

        enum CodingKeys: String, CodingKey {
            case step, rows, least, most, operations
            case secondsPerUpdate = "seconds_per_update"
            case ofOptimiser = "of_optimiser"
            case ofGEMM = "of_gemm"
        }
    }

    let lines: [Line]
    let model: String
    let batch: Int
    let compute: String
    let operationsPerSecond: Double

    enum CodingKeys: String, CodingKey {
        case lines, model, batch, compute
        case operationsPerSecond = "operations_per_second"
    }

    init(_ results: [(TrainingStep, LearningMeasurement.Result)], model: String, batch: Int) {
        let limit = median(results.flatMap(\.1.limit))
        lines = results.map { step, result in
            let updates = zip(result.passes, result.optimiser).map(+)
            let seconds = median(updates)
            return Line(
                step: step.rawValue, rows: result.rows, secondsPerUpdate: seconds, least: updates.min() ?? 0, most: updates.max() ?? 0,
                ofOptimiser: median(result.optimiser) / seconds, operations: result.operations, ofGEMM: result.operations / seconds / limit)
        }
        self.model = model
        self.batch = batch
        compute = results.first?.1.summary ?? ""
        operationsPerSecond = limit
    }

    var text: String {
        var table = TextTable(["step", "rows", "ms/update", "least", "most", "rows/s", "AdamW", "GFLOP", "of GEMM"])
        for line in lines {
            table.add([
                line.step, grouped(line.rows), String(format: "%.1f", 1000 * line.secondsPerUpdate), String(format: "%.1f", 1000 * line.least),
                String(format: "%.1f", 1000 * line.most), String(format: "%.0f", Double(line.rows) / line.secondsPerUpdate),
                String(format: "%.1f %%", 100 * line.ofOptimiser), String(format: "%.1f", line.operations / 1e9),
                String(format: "%.1f %%", 100 * line.ofGEMM),
            ])
        }
        return table.text + "\n\(compute); \(batch) questions an update; GEMM \(String(format: "%.0f", operationsPerSecond / 1e9)) GFLOP/s"
    }
}
