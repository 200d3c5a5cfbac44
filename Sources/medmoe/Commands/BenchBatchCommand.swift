import ArgumentParser
import Checkpoints
import Cluster
import Foundation
import Logging
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

    @Option(name: .customLong("repeat"), help: ArgumentHelp("Measurements of each figure.", valueName: "n"))
    var repeats = 5

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        _ = try Self.numbers(batch, "--batch", 1...1024)
        _ = try Self.numbers(lanes, "--lanes", 1...16)
        if !(2...100_000).contains(tokens) { throw ValidationError("--tokens is \(tokens); expected 2 to 100000") }
        if !(1...1000).contains(repeats) { throw ValidationError("--repeat is \(repeats); expected 1 to 1000") }
        if let workers, !(1...256).contains(workers) { throw ValidationError("--workers is \(workers); expected 1 to 256") }
    }

    private static func numbers(_ list: String, _ option: String, _ range: ClosedRange<Int>) throws -> [Int] {
        let numbers = list.split(separator: ",", omittingEmptySubsequences: false).map { Int($0.trimmingCharacters(in: .whitespaces)) }
        let valid = numbers.compactMap(\.self).filter(range.contains)
        guard valid.count == numbers.count, Set(valid).count == valid.count else {
            throw ValidationError("\(option) is \"\(list)\"; expected different numbers from \(range.lowerBound) to \(range.upperBound), separated by commas")
        }
        return valid
    }

    func run() async throws {
        let folder = try model.folder(modelFolder)
        let loaded = try model.load(folder)
        if let workers {
            try await withWorkers(workers, model: loaded) { dispatch in try await measure(folder, loaded) { _ in dispatch } }
        } else {
            let bank = try naming(folder) { try ExpertBank(source: folder.model, configuration: loaded.configuration) }
            try await measure(folder, loaded) { LocalExpertDispatch(bank: bank, context: $0) }
        }
    }

    private func withWorkers(
        _ count: Int, model loaded: MedMoEModel, _ body: @escaping @Sendable (any ExpertDispatch) async throws -> Void
    ) async throws {
        let plans = LocalWorkers.deal(experts: loaded.configuration.mixture?.expertCount ?? 0, workers: count)
        let arguments = ["--model", modelFolder, "--threads", "\(compute.threadCount(sharedBy: count))", "--gemm", compute.gemm.rawValue, "--log-level", "warning"]
        let fleet = try LocalWorkers(plans.map { .init(name: $0.name, experts: $0.experts, arguments: arguments) })
        defer { fleet.stop() }
        var logger = Logger(label: "medmoe.coordinator")
        logger.logLevel = .warning
        let endpoint = try await CoordinatorEndpoint.start(.init(model: loaded, listen: [fleet.endpoint]), logger: logger)
        let dispatch = endpoint.dispatch
        do {
            try await fleet.guarding { try await TerminationSignal.cancelling { try await body(dispatch) } }
        } catch {
            await endpoint.stop()
            throw error
        }
        await endpoint.stop()
    }

    private func measure(
        _ folder: CheckpointFolder, _ loaded: MedMoEModel, dispatch: @escaping InferenceEngine.DispatchFactory
    ) async throws {
        let batches = try Self.numbers(batch, "--batch", 1...1024)
        let subjects = try Self.numbers(lanes, "--lanes", 1...16).map { lanes in
            var options = EngineOptions(
                gemm: compute.gemm, threads: compute.threadCount(), maximumRunning: batches.max() ?? 1, lanes: lanes)
            options.ignoresEndToken = true
            let engine = InferenceEngine(model: loaded, options: options, dispatch: dispatch)
            return (lanes: lanes, measurement: try BatchMeasurement(engine, tokens: tokens))
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
                    rates[.init(lanes: subject.lanes, batch: batch), default: []].append(rate)
                    progress.advance()
                }
            }
            guard turn > 0, let first = subjects.first else { continue }
            speeds.append(try await first.measurement.machineSpeed(workingSet: cost.bytes(rows: 1)))
        }
        let report = BatchReport(rates: rates, speeds: speeds, cost: cost, threads: compute.threadCount(), workers: workers, tokens: tokens)
        Terminal.write((json ? try jsonLine(report) : report.text) + "\n")
    }
}
