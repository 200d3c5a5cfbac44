import Foundation

/// The part of a CLIP vision tower's `config.json` that decides what is computed.
public struct ImageTowerConfiguration: Sendable, Hashable {
    public var hiddenSize: Int
    public var intermediateSize: Int
    public var layerCount: Int
    public var headCount: Int
    /// Side of the square input, in pixels.
    public var imageSize: Int
    /// Side of a patch, in pixels.
    public var patchSize: Int
    public var normEpsilon: Double
    public var activation: Activation

    public enum Activation: String, Sendable, Hashable {
        case quickGELU = "quick_gelu"
        case gelu
    }

    public var headSize: Int { hiddenSize / headCount }
    /// Patches per image.
    public var patchCount: Int { (imageSize / patchSize) * (imageSize / patchSize) }

    /// Reads a `config.json` of a `clip_vision_model`, or the `vision_config` of a whole CLIP model.
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
        do {
            let raw = try JSONDecoder().decode(RawOuter.self, from: data)
            if let vision = raw.visionConfig {
                try self.init(raw: vision, file: file)
            } else {
                try self.init(raw: JSONDecoder().decode(Raw.self, from: data), file: file)
            }
        } catch let error as DecodingError {
            throw ConfigurationError(decoding: error, file: file)
        }
    }

    /// What decides the arithmetic: part of the model digest.
    public var arithmeticKeys: [String: String] {
        [
            "tower.hidden_size": "\(hiddenSize)", "tower.intermediate_size": "\(intermediateSize)", "tower.layers": "\(layerCount)",
            "tower.heads": "\(headCount)", "tower.image_size": "\(imageSize)", "tower.patch_size": "\(patchSize)",
            "tower.norm_eps": "\(normEpsilon)", "tower.activation": activation.rawValue,
        ]
    }

    private struct RawOuter: Decodable {
        var visionConfig: Raw?
        enum CodingKeys: String, CodingKey { case visionConfig = "vision_config" }
    }

    private struct Raw: Decodable {
        var hiddenSize: Int?
        var intermediateSize: Int?
        var numHiddenLayers: Int?
        var numAttentionHeads: Int?
        var imageSize: Int?
        var patchSize: Int?
        var layerNormEps: Double?
        var hiddenAct: String?
        var numChannels: Int?

        enum CodingKeys: String, CodingKey {
            case hiddenSize = "hidden_size"
            case intermediateSize = "intermediate_size"
            case numHiddenLayers = "num_hidden_layers"
            case numAttentionHeads = "num_attention_heads"
            case imageSize = "image_size"
            case patchSize = "patch_size"
            case layerNormEps = "layer_norm_eps"
            case hiddenAct = "hidden_act"
            case numChannels = "num_channels"
        }
    }

    /// Missing keys have the defaults of the public CLIP vision configuration (ViT-B/32).
    private init(raw: Raw, file: String) throws {
        func size(_ key: String, _ value: Int, limit: Int = 1 << 20) throws -> Int {
            guard (1...limit).contains(value) else {
                throw ConfigurationError(file: file, key: key, problem: "is \(value); expected 1 to \(limit)")
            }
            return value
        }
        hiddenSize = try size("hidden_size", raw.hiddenSize ?? 768)
        intermediateSize = try size("intermediate_size", raw.intermediateSize ?? 3072)
        layerCount = try size("num_hidden_layers", raw.numHiddenLayers ?? 12, limit: 1024)
        headCount = try size("num_attention_heads", raw.numAttentionHeads ?? 12)
        imageSize = try size("image_size", raw.imageSize ?? 224, limit: 8192)
        patchSize = try size("patch_size", raw.patchSize ?? 32, limit: 8192)
        normEpsilon = raw.layerNormEps ?? 1e-5
        guard normEpsilon > 0, normEpsilon < 1 else {
            throw ConfigurationError(file: file, key: "layer_norm_eps", problem: "is \(normEpsilon); expected a small positive number")
        }
        guard hiddenSize % headCount == 0 else {
            throw ConfigurationError(
                file: file, key: "num_attention_heads", problem: "is \(headCount), which does not divide hidden_size \(hiddenSize)")
        }
        guard patchSize <= imageSize else {
            throw ConfigurationError(file: file, key: "patch_size", problem: "is \(patchSize), larger than image_size \(imageSize)")
        }
        guard raw.numChannels ?? 3 == 3 else {
            throw ConfigurationError(file: file, key: "num_channels", problem: "is \(raw.numChannels ?? 0); only 3 is supported")
        }
        guard let activation = Activation(rawValue: raw.hiddenAct ?? "quick_gelu") else {
            throw ConfigurationError(
                file: file, key: "hidden_act", problem: "is \"\(raw.hiddenAct ?? "")\"; supported are quick_gelu and gelu")
        }
        self.activation = activation
    }
}
