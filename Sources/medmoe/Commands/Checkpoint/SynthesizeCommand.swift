import ArgumentParser
import Checkpoints
import MedMoE

/// `medmoe synthesize`
struct SynthesizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthesize",
        abstract: "Writes a checkpoint of random weights of a chosen size, for load tests.",
        discussion: """
            It computes as much as a trained model of that size; its answers mean nothing. Tokenizer and image tower are \
            taken from an existing checkpoint. The defaults make about 1 GB.

              medmoe synthesize --like cluster/models/medmoe-tiny --out /tmp/large
            """)

    @Option(help: ArgumentHelp("Checkpoint whose tokenizer and image tower are used.", valueName: "dir"))
    var like: String

    @Option(help: ArgumentHelp("Folder to make.", valueName: "dir"))
    var out: String

    @Option(help: "Hidden size.") var hidden = 1024
    @Option(help: "Width inside an FFN.") var inner = 2816
    @Option(help: "Decoder layers; every second one is a mixture layer.") var layers = 8
    @Option(help: "Attention heads.") var heads = 16
    @Option(help: "Experts of a mixture layer.") var experts = 4
    @Option(name: .customLong("top-k"), help: "Experts per token.") var topK = 1
    @Option(help: "Seed of the weights.") var seed: UInt64 = 0
    @Option(name: .customLong("hot-expert"), help: "An expert that gates prefer.") var hotExpert: Int?
    @Option(name: .customLong("hot-share"), help: "With --hot-expert: its part of all rows, about.") var hotShare = 0.9

    func validate() throws {
        for (name, value, limit) in [("hidden", hidden, 1 << 16), ("inner", inner, 1 << 18), ("layers", layers, 512), ("heads", heads, 1024), ("experts", experts, 4096)]
        where !(1...limit).contains(value) {
            throw ValidationError("--\(name) is \(value); expected 1 to \(limit)")
        }
        if let hotExpert, !(0..<experts).contains(hotExpert) {
            throw ValidationError("--hot-expert is \(hotExpert); expected 0 to \(experts - 1)")
        }
        if !(hotShare > 0 && hotShare < 1) { throw ValidationError("--hot-share is \(hotShare); expected more than 0 and less than 1") }
    }

    func run() throws {
        let size = SyntheticCheckpoint.Size(hidden: hidden, inner: inner, layers: layers, heads: heads, experts: experts, topK: topK)
        try SyntheticCheckpoint.write(
            size, like: CheckpointFolder(path: like), seed: seed,
            preferring: hotExpert.map { SyntheticCheckpoint.Preference(expert: $0, share: hotShare) }, to: out)
        let made = try CheckpointFolder(path: out)
        let summary = try CheckpointSummary(of: made, topK: topK)
        Terminal.note("\(out): \(grouped(summary.totalParameters)) parameters, \(grouped(summary.held.byteCount)) bytes")
    }
}
