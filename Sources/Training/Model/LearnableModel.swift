import Checkpoints
import Foundation
import Imaging
import Language
import MedMoE
import Tensors

/// A checkpoint opened for learning: configuration, tokenizer, template and how images are prepared. Weights are read when a step needs them.
public struct LearnableModel: Sendable {
    public let folder: CheckpointFolder
    public let configuration: ModelConfiguration
    public let towerConfiguration: ImageTowerConfiguration
    public let tokenizer: ByteLevelTokenizer
    let endToken: Int
    let preprocessor: ImagePreprocessor
    let decoder = ImageDecoder()
    /// Encoder layers that run for the hidden state that the projector sees.
    let towerLayers: Int

    /// Opens it, and checks that its parts belong together: what learns takes widths, layers and token identifiers as they come.
    ///
    /// - Throws: `CheckpointError`, `ConfigurationError`, `TokenizerError` or `ImageError`, each naming the file; `ModelError` and
    ///   `TrainingError`, which name the folder.
    public init(folder: CheckpointFolder) throws {
        guard case .complete = folder.role else {
            throw TrainingError.impossible("\(folder.path) is a part of a model (\(folder.role)): learning needs the complete checkpoint")
        }
        self.folder = folder
        configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        let tower = try folder.imageTower()
        guard let path = tower.configPath else {
            throw TrainingError.impossible("the image tower of \(folder.path) has no config.json: put the one of its CLIP model beside its weights")
        }
        towerConfiguration = try ImageTowerConfiguration(contentsOf: URL(filePath: path))
        do {
            try configuration.check(towerConfiguration)
            towerLayers = try towerConfiguration.layers(forHiddenState: configuration.selectedTowerLayer)
        } catch {
            throw ModelError.inconsistent("\(folder.path): \(error)")
        }
        tokenizer = try TokenizerLoader.load(directory: URL(filePath: folder.path))
        // Here and not where a token is looked up: every text, also a held-out one that comes after hours, is made of these.
        guard tokenizer.vocabularySize <= configuration.vocabularySize else {
            throw ModelError.inconsistent(
                "\(folder.path): the tokenizer's ids go up to \(tokenizer.vocabularySize - 1), config.json's vocab_size is \(configuration.vocabularySize): another tokenizer belongs to this model")
        }
        endToken = tokenizer.endOfTextID ?? configuration.endTokenID
        preprocessor = try MedMoEModel.preprocessor(
            tower.preprocessorConfigPath, side: towerConfiguration.imageSize, aspect: .config, configuration: configuration)
    }

    /// Rows that one image takes in a sequence.
    public var rowsPerImage: Int {
        towerConfiguration.patchCount + (configuration.selectedFeature == .classAndPatch ? 1 : 0)
    }

    /// How conversations are written for this backbone.
    var template: ConversationTemplate { configuration.backbone == .phi ? .phi : .stablelm }
}
