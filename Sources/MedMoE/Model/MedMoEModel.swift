import Checkpoints
import Foundation
import Imaging
import Language
import Tensors

/// Everything of a model that the coordinator computes with, loaded and immutable.
public struct MedMoEModel: Sendable {
    public let configuration: ModelConfiguration
    public let towerConfiguration: ImageTowerConfiguration
    public let tokenizer: ByteLevelTokenizer
    /// Names of all tensors and digests of their contents, those of absent experts included.
    public let fingerprints: TensorFingerprints
    /// Hexadecimal SHA-256 that names weights, configuration and tokenizer, the same in every container.
    public let digest: String
    /// Whether the mixture layers have a meta expert.
    public let hasMeta: Bool
    let tower: ImageTower
    let projector: Projector
    let backbone: Backbone
    let imageDecoder: ImageDecoder
    let preprocessor: ImagePreprocessor
    let template: ConversationTemplate

    /// How images are brought to the tower's square.
    public enum Aspect: String, Sendable, CaseIterable {
        /// As `image_aspect_ratio` of config.json says.
        case config
        /// Pad to a square of the mean colour.
        case pad
        /// Centre crop, as the public Med-VQA script does whatever the configuration says.
        case crop
    }

    /// What the user may choose about a model.
    public struct Options: Sendable {
        public var aspect: Aspect
        /// Decode images exactly as Pillow does: orientation ignored, 16-bit grey saturated.
        public var pillowExact: Bool
        /// Digest every byte again instead of believing what is recorded.
        public var verify: Bool

        public init(aspect: Aspect = .config, pillowExact: Bool = false, verify: Bool = false) {
            self.aspect = aspect
            self.pillowExact = pillowExact
            self.verify = verify
        }
    }

    /// Loads a complete checkpoint or a coordinator's part of one.
    ///
    /// - Throws: `CheckpointError`, `ConfigurationError`, `ModelError`, `TokenizerError` or `ImageError`, each naming the file.
    public init(folder: CheckpointFolder, options: Options = Options()) throws {
        if case .experts = folder.role {
            throw ModelError.inconsistent("\(folder.path) is a worker's part (\(folder.role)): a coordinator needs a folder made with `medmoe shard --coordinator`, or the complete checkpoint")
        }
        let configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        let files = try folder.imageTower()
        guard let towerConfig = files.configPath else {
            throw ModelError.inconsistent("the image tower of \(folder.path) has no config.json: put the one of its CLIP model beside its weights")
        }
        let towerConfiguration = try ImageTowerConfiguration(contentsOf: URL(filePath: towerConfig))
        try configuration.check(towerConfiguration)
        self.configuration = configuration
        self.towerConfiguration = towerConfiguration
        tokenizer = try TokenizerLoader.load(directory: URL(filePath: folder.path))
        fingerprints = try folder.fingerprints(verify: options.verify)
        hasMeta = try AlwaysOnModule.isMetaExpert(fingerprints.tensors.keys, configuration: configuration)
        digest = fingerprints.model(
            configuration: MedMoEModel.arithmeticKeys(configuration, tower: towerConfiguration, hasMeta: hasMeta),
            tokenizer: try folder.tokenizerDigest()
        ).description
        tower = try ImageTower(
            source: files.source, configuration: towerConfiguration, selectedLayer: configuration.selectedTowerLayer)
        projector = try Projector(WeightReader(source: folder.model), configuration: configuration)
        backbone = try Backbone(source: folder.model, configuration: configuration, hasMeta: hasMeta)
        imageDecoder = ImageDecoder(pillowExact: options.pillowExact)
        preprocessor = try MedMoEModel.preprocessor(
            files.preprocessorConfigPath, side: towerConfiguration.imageSize, aspect: options.aspect, configuration: configuration)
        template = configuration.backbone == .phi ? .phi : .stablelm
    }

    /// Rows that one image takes in a prompt.
    public var rowsPerImage: Int { towerConfiguration.patchCount + (configuration.selectedFeature == .classAndPatch ? 1 : 0) }

    /// Every expert of every mixture layer: what the workers together must hold.
    public var requiredExperts: Set<ExpertAddress> { configuration.expertAddresses }

    /// The configuration that goes into the model digest.
    public static func arithmeticKeys(
        _ configuration: ModelConfiguration, tower: ImageTowerConfiguration, hasMeta: Bool
    ) -> [String: String] {
        configuration.arithmeticKeys.merging(tower.arithmeticKeys) { first, _ in first }
            .merging(["moe_meta": "\(hasMeta)"]) { first, _ in first }
    }

    /// How the model wants its images.
    ///
    /// - Parameter side: the tower's, where no file says how images are prepared.
    package static func preprocessor(
        _ path: String?, side: Int, aspect: Aspect, configuration: ModelConfiguration
    ) throws -> ImagePreprocessor {
        let processor: ImageProcessorConfiguration
        if let path {
            processor = try ImageProcessorConfiguration(json: [UInt8](Data(contentsOf: URL(filePath: path))), named: path)
        } else {
            processor = try ImageProcessorConfiguration(side: side)
        }
        let mode: AspectMode
        switch aspect {
        case .config: mode = configuration.imageAspect == "pad" ? .pad : .crop
        case .pad: mode = .pad
        case .crop: mode = .crop
        }
        return ImagePreprocessor(configuration: processor, aspect: mode)
    }
}

extension ModelConfiguration {
    /// Every expert of every mixture layer.
    public var expertAddresses: Set<ExpertAddress> {
        guard let mixture else { return [] }
        return Set(
            mixture.layers.flatMap { layer in
                (0..<mixture.expertCount(layer: layer)).map { ExpertAddress(layer: layer, expert: $0) }
            })
    }

    /// Expert indices for what a user wrote: numbers or domain names, separated by commas; `all` for every one.
    ///
    /// - Throws: `ModelError.inconsistent` that names what is known.
    public func experts(named list: String) throws -> Set<Int> {
        guard let mixture else { throw ModelError.inconsistent("this model has no mixture layers, so no experts") }
        var chosen: Set<Int> = []
        for part in list.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) }) where !part.isEmpty {
            if part.lowercased() == "all" {
                chosen.formUnion(0..<mixture.expertCount)
            } else if let index = mixture.domains.firstIndex(where: { $0.lowercased() == part.lowercased() }) {
                chosen.insert(index)
            } else if let index = Int(part), (0..<mixture.expertCount).contains(index) {
                chosen.insert(index)
            } else {
                let names = mixture.domains.isEmpty ? "" : ", or by domain: \(mixture.domains.joined(separator: ", "))"
                throw ModelError.inconsistent("there is no expert \"\(part)\"; known are 0 to \(mixture.expertCount - 1)\(names)")
            }
        }
        guard !chosen.isEmpty else { throw ModelError.inconsistent("no expert is named: give numbers or domains, separated by commas") }
        return chosen
    }
}
