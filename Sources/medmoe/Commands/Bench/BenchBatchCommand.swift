import ArgumentParser
import Checkpoints
import Cluster
import Foundation
import MedMoE
import Tensors

/// `medmoe bench batch`
struct BenchBatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "Measures how many tokens a second are decoded, one request alone and many together.",
        discussion: """
            Every request has a prompt of 32 tokens, each another one, and an answer of --tokens tokens: the end token is \
            ignored. Counted is the time in which all requests of a batch decode. Batch sizes take turns; figures are medians.

            The limits are measured in the same run with the same threads: "of reading" is the bytes of weights that the steps \
            read (of as many experts as the rows can go to), against reading a buffer of the size of one step's weights again \
            and again; "of GEMM" is the operations of the rows, against a large matrix product.

              medmoe bench batch --model cluster/models/medmoe-tiny --batch 1,4,16
              medmoe bench batch --model DIR --workers 2 --lanes 1,2

            With --network-delay everything is measured also with so much delay added to every message to experts and back. \
            Alone, a request would wait for it once in each mixture layer of each token; "hidden" is the part of that time in \
            which other requests of the batch moved on.
            """)

    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint.", valueName: "dir"))
    var modelFolder: String

    @Option(help: ArgumentHelp("Start this many expert workers on this machine; without it the experts are in this process.", valueName: "n"))
    var workers: Int?

    @Option(help: ArgumentHelp("Requests at the same time: several numbers, separated by commas.", valueName: "n,m"))
    var batch = "1,16"

    @Option(help: ArgumentHelp("Lanes: batches that take turns while one waits for experts. Several numbers, separated by commas.", valueName: "n,m"))
    var lanes = "1"

    @Option(help: ArgumentHelp("Tokens of each answer.", valueName: "n"))
    var tokens = 64

    @Option(name: .customLong("network-delay"), help: ArgumentHelp("Milliseconds added each way.", valueName: "ms"))
    var networkDelay: Double?

    @Option(name: .customLong("repeat"), help: ArgumentHelp("Measurements of each figure.", valueName: "n"))
    var repeats = 5

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        _ = try NumberList.parse(batch, "--batch", 1...1024)
        _ = try NumberList.parse(lanes, "--lanes", 1...16)
        if !(2...100_000).contains(tokens) { throw ValidationError("--tokens is \(tokens); expected 2 to 100000") }
        if !(1...1000).contains(repeats) { throw ValidationError("--repeat is \(repeats); expected 1 to 1000") }
        if let networkDelay, !(networkDelay > 0 && networkDelay <= 10_000) {
            throw ValidationError("--network-delay is \(networkDelay); expected more than 0 and at most 10000 milliseconds")
        }
        if let workers, !(1...256).contains(workers) { throw ValidationError("--workers is \(workers); expected 1 to 256") }
    }

    func run() async throws {
        let folder = try model.folder(modelFolder)
        let loaded = try model.load(folder)
        if let workers {
            try await LocalCluster(modelFolder: modelFolder, workers: workers, compute: compute).run(loaded) { endpoint in
                let dispatch = endpoint.dispatch
                try await measure(folder, loaded) { _ in dispatch }
            }
        } else {
            let bank = try naming(folder) { try ExpertBank(source: folder.model, configuration: loaded.configuration) }
            try await measure(folder, loaded) { LocalExpertDispatch(bank: bank, context: $0) }
        }
    }

    private func measure(
        _ folder: CheckpointFolder, _ loaded: MedMoEModel, dispatch: @escaping InferenceEngine.DispatchFactory
    ) async throws {
        let batches = try NumberList.parse(batch, "--batch", 1...1024)
        let delays = [0] + (networkDelay.map { [$0] } ?? [])
        let subjects = try NumberList.parse(lanes, "--lanes", 1...16).flatMap { lanes in
            try delays.map { delay in
                var options = EngineOptions(
                    gemm: compute.gemm, threads: compute.threadCount(), maximumRunning: batches.max() ?? 1, lanes: lanes)
                options.ignoresEndToken = true
                let engine = InferenceEngine(model: loaded, options: options) { context in
                    let base = try dispatch(context)
                    return delay > 0 ? DelayedDispatch(base, oneWay: .seconds(delay / 1000)) : base
                }
                return (lanes: lanes, delay: delay, measurement: try BatchMeasurement(engine, tokens: tokens))
            }
        }
        let cost = StepCost(folder: folder, configuration: loaded.configuration)
        var speeds: [MachineSpeed] = []
        var rates: [BatchReport.Key: [Double]] = [:]
        var progress = ProgressBar("measuring", total: repeats * batches.count * subjects.count)
        for turn in 0...repeats {
            for subject in subjects {
                for batch in batches {
                    try Task.checkCancellation()
                    let rate = try await subject.measurement.tokensPerSecond(batch: batch)
                    // The first turn warms up: pages, kernels, connections.
                    guard turn > 0 else { continue }
                    rates[.init(lanes: subject.lanes, delay: subject.delay, batch: batch), default: []].append(rate)
                    progress.advance()
                }
            }
            guard turn > 0, let first = subjects.first else { continue }
            speeds.append(try await first.measurement.machineSpeed(workingSet: cost.bytes(rows: 1)))
        }
        let report = BatchReport(rates: rates, speeds: speeds, cost: cost, mixtureLayers: loaded.configuration.mixture?.layers.count ?? 0, threads: compute.threadCount(), workers: workers, tokens: tokens)
        try Terminal.output((json ? jsonLine(report) : report.text) + "\n")
    }
}
