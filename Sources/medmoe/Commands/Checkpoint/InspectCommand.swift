import ArgumentParser
import Checkpoints
import Foundation
import MedMoE

/// `medmoe inspect DIR`
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Says what a checkpoint is: architecture, parameters, experts, number types, digest.")

    @Argument(help: ArgumentHelp("Folder of the checkpoint.", valueName: "dir"))
    var folder: String

    @OptionGroup var model: ModelOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let folder = try model.folder(folder)
        let configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        // A worker's part has no digest of its own to print, but its bytes can be compared with what it carries.
        let fingerprints = try folder.fingerprints(verify: model.verify)
        let towerFiles = Result { try folder.imageTower() }
        var tower: ImageTowerConfiguration?
        var digest: CheckpointDigest?
        if case .success(let files) = towerFiles, let path = files.configPath {
            let read = try ImageTowerConfiguration(contentsOf: URL(filePath: path))
            let hasMeta = try AlwaysOnModule.isMetaExpert(fingerprints.tensors.keys, configuration: configuration)
            digest = fingerprints.model(
                configuration: MedMoEModel.arithmeticKeys(configuration, tower: read, hasMeta: hasMeta),
                tokenizer: try folder.tokenizerDigest())
            tower = read
        }
        let facts = InspectionReport(
            folder: folder, configuration: configuration, tower: tower,
            towerProblem: { if case .failure(let error) = towerFiles { "\(error)" } else { nil } }(),
            summary: try CheckpointSummary(of: folder, topK: configuration.mixture?.topK ?? 1),
            digest: digest?.description)
        try Terminal.output((json ? facts.json() : facts.text) + "\n")
    }
}
