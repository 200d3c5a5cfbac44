import Foundation

/// The part of a checkpoint's `config.json` that decides what is computed.
///
/// Both families of the public code are read: `moe_llava_stablelm` and `moe_llava_phi`, with or without mixture layers.
public struct ModelConfiguration: Sendable, Hashable {
    /// The language backbone's family.
    public enum Backbone: String, Sendable, Hashable {
        case stableLM = "stablelm"
        case phi = "phi"
    }

    /// The module between image tower and backbone.
    public enum Projector: Sendable, Hashable {
        /// One linear layer.
        case linear
        /// `layers` linear layers with exact GELU between them.
        case mlp(layers: Int)
    }

    /// Which tower outputs go on.
    public enum SelectedFeature: String, Sendable, Hashable {
        /// Patches only.
        case patch
        /// Class token, then patches.
        case classAndPatch = "cls_patch"
    }

    /// Mixture layers.
    public struct Mixture: Sendable, Hashable {
        /// Decoder layers whose FFN is a mixture, ascending, with their number of experts.
        public var layers: [Int]
        public var expertCounts: [Int]
        /// Experts per token: 1 or 2.
        public var topK: Int
        /// Whether an always-on module is mixed in by a learned coefficient.
        public var usesResidual: Bool
        /// What each expert is for, by index; empty when the configuration does not say.
        public var domains: [String]

        /// The most experts that any layer has.
        public var expertCount: Int { expertCounts.max() ?? 0 }

        /// Experts of one layer, 0 for a dense one.
        public func expertCount(layer: Int) -> Int {
            layers.firstIndex(of: layer).map { expertCounts[$0] } ?? 0
        }
    }

    public var backbone: Backbone
    public var vocabularySize: Int
    public var hiddenSize: Int
    public var intermediateSize: Int
    public var layerCount: Int
    public var headCount: Int
    public var keyValueHeadCount: Int
    /// Epsilon of the backbone's norms.
    public var normEpsilon: Double
    public var ropeTheta: Double
    /// Leading dimensions of each head that are rotated.
    public var rotaryDimensions: Int
    public var usesQKVBias: Bool
    public var tiesEmbeddings: Bool
    /// Positions that the model was made for.
    public var contextLength: Int
    public var endTokenID: Int
    public var mixture: Mixture?
    public var projector: Projector
    /// Width of the tower's features.
    public var imageFeatureSize: Int
    /// Which hidden state of the tower goes on: −2 is the last but one.
    public var selectedTowerLayer: Int
    public var selectedFeature: SelectedFeature
    /// Folder or hub name of the tower, as the configuration has it.
    public var imageTower: String?
    /// `pad`, or anything else for a centre crop.
    public var imageAspect: String
    /// What `model_type` says.
    public var modelType: String

    public var headSize: Int { hiddenSize / headCount }

    /// Reads a `config.json`.
    ///
    /// - Throws: `ConfigurationError` that names the file, the key and what was expected.
    public init(contentsOf url: URL) throws {
        let data: Data
        do {
            data = try Data(contentsOf: url)
        } catch {
            throw ConfigurationError(file: url.path, key: nil, problem: "cannot be read: \(error.localizedDescription)")
        }
        try self.init(data: data, file: url.path)
    }

    /// Parses the text of a `config.json`; `file` is for messages.
    public init(data: Data, file: String) throws {
        let raw: RawConfiguration
        do {
            raw = try JSONDecoder().decode(RawConfiguration.self, from: data)
        } catch let error as DecodingError {
            throw ConfigurationError(decoding: error, file: file)
        }
        try self.init(raw: raw, file: file)
    }

    /// What decides the arithmetic, as sorted key–value pairs: part of the model digest.
    public var arithmeticKeys: [String: String] {
        var keys = [
            "backbone": backbone.rawValue, "vocab_size": "\(vocabularySize)", "hidden_size": "\(hiddenSize)",
            "intermediate_size": "\(intermediateSize)", "layers": "\(layerCount)", "heads": "\(headCount)",
            "kv_heads": "\(keyValueHeadCount)", "norm_eps": "\(normEpsilon)", "rope_theta": "\(ropeTheta)",
            "rotary": "\(rotaryDimensions)", "qkv_bias": "\(usesQKVBias)", "tied": "\(tiesEmbeddings)",
            "context": "\(contextLength)", "end_token": "\(endTokenID)", "tower_layer": "\(selectedTowerLayer)",
            "tower_feature": selectedFeature.rawValue, "aspect": imageAspect,
        ]
        switch projector {
        case .linear: keys["projector"] = "linear"
        case .mlp(let layers): keys["projector"] = "mlp\(layers)x_gelu"
        }
        if let mixture {
            keys["moe_layers"] = mixture.layers.map(String.init).joined(separator: ",")
            keys["moe_experts"] = mixture.expertCounts.map(String.init).joined(separator: ",")
            keys["moe_top_k"] = "\(mixture.topK)"
            keys["moe_residual"] = "\(mixture.usesResidual)"
        }
        return keys
    }
}

/// A `config.json` that cannot be used.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    public let file: String
    /// The key that is wrong, or nil for the file as a whole.
    public let key: String?
    public let problem: String

    public init(file: String, key: String?, problem: String) {
        self.file = file
        self.key = key
        self.problem = problem
    }

    init(decoding error: DecodingError, file: String) {
        let context: DecodingError.Context
        switch error {
        case .keyNotFound(let key, _):
            self.init(file: file, key: key.stringValue, problem: "is missing")
            return
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found): context = found
        @unknown default:
            self.init(file: file, key: nil, problem: "is not a JSON object of the expected form")
            return
        }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        self.init(file: file, key: path.isEmpty ? nil : path, problem: context.debugDescription)
    }

    public var description: String { "\(file): \(key.map { "\"\($0)\" " } ?? "")\(problem)" }
}
