import Checkpoints
import Evaluation
import Foundation
import MedMoE

/// What a report of an evaluation says of the model itself.
struct EvaluatedModel {
    /// Hexadecimal SHA-256 that names the weights, as answers carry it.
    let digest: String
    let parameters: EvaluationReport.Parameters

    /// Digests that are kept beside the weights, in files that no checkpoint counts, are believed: only new weights are read.
    ///
    /// - Throws: `CheckpointError` or `ConfigurationError`, naming the file; `ModelFolderError`.
    init(_ path: String) throws {
        let folder = try CheckpointFolder(path: path)
        let configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        guard let towerConfig = try folder.imageTower().configPath else {
            throw ModelFolderError(description: "the image tower of \(path) has no config.json: put the one of its CLIP model beside its weights")
        }
        let tower = try ImageTowerConfiguration(contentsOf: URL(filePath: towerConfig))
        let hasMeta = try AlwaysOnModule.isMetaExpert(folder.model.names, configuration: configuration)
        digest = try folder.modelDigest(
            configuration: MedMoEModel.arithmeticKeys(configuration, tower: tower, hasMeta: hasMeta)
        ).description
        parameters = EvaluationReport.Parameters(try CheckpointSummary(of: folder, topK: configuration.mixture?.topK ?? 1))
    }
}
