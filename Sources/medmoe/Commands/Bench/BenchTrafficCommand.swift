import ArgumentParser
import Cluster
import MedMoE

/// `medmoe bench traffic`
struct BenchTrafficCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "traffic",
        abstract: "Counts messages and bytes between coordinator and workers for one token, beside the least possible.",
        discussion: """
            The least: one row to an expert and one back for each token, mixture layer and choice, and in each step and mixture \
            layer one message to each worker that computes and one back. Bytes are those of the messages' frames (header, \
            envelope, rows); framing by ZeroMQ (about 15 bytes a message), encryption and TCP come on top.

              medmoe bench traffic --model cluster/models/medmoe-tiny --workers 2 --batch 1,16
            """)

    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint.", valueName: "dir"))
    var modelFolder: String

    @Option(help: ArgumentHelp("Start this many expert workers on this machine.", valueName: "n"))
    var workers = 2

    @Option(help: ArgumentHelp("Requests at the same time: several numbers, separated by commas.", valueName: "n,m"))
    var batch = "1,16"

    @Option(help: ArgumentHelp("Tokens of each prompt.", valueName: "n"))
    var prompt = 128

    @Option(help: ArgumentHelp("Tokens of each answer.", valueName: "n"))
    var tokens = 32

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        _ = try NumberList.parse(batch, "--batch", 1...1024)
        if !(1...100_000).contains(prompt) { throw ValidationError("--prompt is \(prompt); expected 1 to 100000") }
        if !(2...100_000).contains(tokens) { throw ValidationError("--tokens is \(tokens); expected 2 to 100000") }
        if !(1...256).contains(workers) { throw ValidationError("--workers is \(workers); expected 1 to 256") }
    }

    func run() async throws {
        let loaded = try model.load(modelFolder)
        let batches = try NumberList.parse(batch, "--batch", 1...1024)
        let options = EngineOptions(gemm: compute.gemm, threads: compute.threadCount(), maximumRunning: batches.max() ?? 1)
        try await LocalCluster(modelFolder: modelFolder, workers: workers, compute: compute).run(loaded) { endpoint in
            let measurement = TrafficMeasurement(model: loaded, endpoint: endpoint, options: options)
            var report = TrafficReport(configuration: loaded.configuration, workers: workers)
            for batch in batches {
                let (prefill, decode) = try await measurement.run(batch: batch, prompt: prompt, answer: tokens)
                report.add("prefill", batch: batch, prefill)
                report.add("decode", batch: batch, decode)
            }
            try Terminal.output((json ? jsonLine(report) : report.text) + "\n")
        }
    }
}
