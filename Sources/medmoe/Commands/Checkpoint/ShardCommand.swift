import ArgumentParser
import Checkpoints
import Foundation
import MedMoE

/// `medmoe shard DIR --experts LIST | --coordinator --out DIR2`
struct ShardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shard",
        abstract: "Writes the part of a checkpoint that one worker or the coordinator needs, and no more.",
        discussion: """
            Each part is a checkpoint folder of its own and carries the digests of the whole model, so that a coordinator \
            and its workers can tell that they belong together.

              medmoe shard model --coordinator --out model-coordinator
              medmoe shard model --experts CT,MRI --out model-ct-mri
            """)

    @Argument(help: ArgumentHelp("Folder of the complete checkpoint.", valueName: "dir"))
    var folder: String

    @Option(help: ArgumentHelp("Experts to write, by number or domain, separated by commas; \"all\" for every one.", valueName: "list"))
    var experts: String?

    @Flag(help: "Write everything but the experts.")
    var coordinator = false

    @Option(help: ArgumentHelp("Folder to make. It must not exist or be empty.", valueName: "dir"))
    var out: String

    @OptionGroup var model: ModelOptions

    func validate() throws {
        guard (experts != nil) != coordinator else { throw ValidationError("Give either --experts LIST or --coordinator.") }
    }

    func run() throws {
        let folder = try model.folder(folder)
        if let experts {
            let configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
            try ShardWriter().writeExperts(from: folder, experts: configuration.experts(named: experts), to: out)
        } else {
            try ShardWriter().writeCoordinator(from: folder, to: out)
        }
        let written = try CheckpointFolder(path: out)
        let configuration = try ModelConfiguration(contentsOf: URL(filePath: written.configPath))
        let summary = try CheckpointSummary(of: written, topK: configuration.mixture?.topK ?? 1)
        Terminal.note("\(out): \(written.role), \(grouped(summary.held.tensors)) tensors, \(grouped(summary.held.byteCount)) bytes")
    }
}
