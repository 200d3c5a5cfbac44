import ArgumentParser
import Cluster
import Foundation
import MedMoE
import Wire

/// `medmoe bench links`
struct BenchLinksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "links",
        abstract: "Measures what encrypted links cost, against plaintext ones in the same run.",
        discussion: """
            Two coordinators in this process, each with workers of its own over TCP on this machine: one set plaintext, the other \
            encrypted with keys made for the run. The same requests go to one and the other in turn; figures are medians. \
            Decoding is measured as in `medmoe bench batch`, reading a prompt from the question to the first token of the answer.

              medmoe bench links --model DIR --workers 2
            """)

    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint.", valueName: "dir"))
    var modelFolder: String

    @Option(help: ArgumentHelp("Expert workers on each side.", valueName: "n"))
    var workers = 2

    @Option(help: ArgumentHelp("Requests that decode at the same time.", valueName: "n"))
    var batch = 4

    @Option(help: ArgumentHelp("Tokens of each answer.", valueName: "n"))
    var tokens = 64

    @Option(help: ArgumentHelp("Tokens of the prompt whose reading is measured.", valueName: "n"))
    var prompt = 256

    @Option(name: .customLong("repeat"), help: ArgumentHelp("Measurements of each figure.", valueName: "n"))
    var repeats = 7

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        for (name, value, range) in [
            ("workers", workers, 1...64), ("batch", batch, 1...1024), ("tokens", tokens, 2...100_000), ("prompt", prompt, 1...100_000), ("repeat", repeats, 1...1000),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) is \(value); expected \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() async throws {
        let loaded = try model.load(modelFolder)
        let folder = try PrivateFolder.standard().makeTemporary(prefix: "links")
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        let keys = try BenchKeys(in: folder.path)
        try await withSide(.plaintextOnThisMachine, [], loaded) { plain in
            try await withSide(keys.coordinator, keys.workerArguments, loaded) { encrypted in
                try await measure(plain: plain, encrypted: encrypted)
            }
        }
    }

    /// A coordinator and its workers.
    private func withSide(
        _ security: LinkSecurity, _ arguments: [String], _ loaded: MedMoEModel,
        _ body: @escaping @Sendable (BatchMeasurement) async throws -> Void
    ) async throws {
        let cluster = LocalCluster(modelFolder: modelFolder, workers: workers, compute: compute, tcp: (security, arguments))
        try await cluster.run(loaded) { endpoint in
            var options = EngineOptions(gemm: compute.gemm, threads: compute.threadCount(), maximumRunning: batch)
            options.ignoresEndToken = true
            let dispatch = endpoint.dispatch
            let engine = InferenceEngine(model: loaded, options: options, dispatch: { _ in dispatch })
            try await body(try BatchMeasurement(engine, tokens: tokens))
        }
    }

    private func measure(plain: BatchMeasurement, encrypted: BatchMeasurement) async throws {
        var report = LinksReport(batch: batch, prompt: prompt, workers: workers)
        var progress = ProgressBar("measuring", total: repeats)
        for turn in 0...repeats {
            // Each side is the first one in half of the turns.
            let sides = [(LinksReport.Side.plain, plain), (.encrypted, encrypted)]
            for (side, subject) in turn.isMultiple(of: 2) ? sides : sides.reversed() {
                try Task.checkCancellation()
                let before = ThreadTimes.now()
                let decode = try await subject.tokensPerSecond(batch: batch)
                let prefill = try await subject.promptTokensPerSecond(length: prompt)
                // The first turn warms up: pages, kernels, connections.
                if turn > 0 { report.add(side, decode: decode, prefill: prefill, ThreadTimes.now().since(before)) }
            }
            if turn > 0 { progress.advance() }
        }
        try Terminal.output((json ? jsonLine(report.summary) : report.summary.text) + "\n")
    }
}

/// Keys for one run.
private struct BenchKeys {
    let coordinator: LinkSecurity
    let workerArguments: [String]

    init(in folder: String) throws {
        let coordinator = try KeyPair.generate(name: "coordinator", role: .coordinator)
        let worker = try KeyPair.generate(name: "worker", role: .worker)
        let ours = try coordinator.write(to: folder)
        let theirs = try worker.write(to: folder)
        self.coordinator = try LinkSecurity(keyFile: ours.secret, authorizedKeys: theirs.public, insecure: false, as: .coordinator)
        workerArguments = ["--key", theirs.secret, "--authorized-keys", ours.public]
    }
}
