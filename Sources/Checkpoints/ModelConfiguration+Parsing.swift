import Foundation

/// `config.json` as it lies in the file; every key that some writers leave out is optional.
struct RawConfiguration: Decodable {
    var modelType: String
    var vocabSize: Int
    var hiddenSize: Int
    var intermediateSize: Int
    var numHiddenLayers: Int
    var numAttentionHeads: Int
    var numKeyValueHeads: Int?
    var hiddenAct: String?
    var ropePct: Double?
    var partialRotaryFactor: Double?
    var ropeTheta: Double?
    var normEps: Double?
    var layerNormEps: Double?
    var useQKVBias: Bool?
    var qkLayernorm: Bool?
    var tieWordEmbeddings: Bool?
    var maxPositionEmbeddings: Int?
    var eosTokenID: Int?
    var mmImageTower: String?
    var mmHiddenSize: Int?
    var imageProjectorType: String?
    var mmVisionSelectLayer: Int?
    var mmVisionSelectFeature: String?
    var imageAspectRatio: String?
    var moe: RawMixture?

    enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case vocabSize = "vocab_size"
        case hiddenSize = "hidden_size"
        case intermediateSize = "intermediate_size"
        case numHiddenLayers = "num_hidden_layers"
        case numAttentionHeads = "num_attention_heads"
        case numKeyValueHeads = "num_key_value_heads"
        case hiddenAct = "hidden_act"
        case ropePct = "rope_pct"
        case partialRotaryFactor = "partial_rotary_factor"
        case ropeTheta = "rope_theta"
        case normEps = "norm_eps"
        case layerNormEps = "layer_norm_eps"
        case useQKVBias = "use_qkv_bias"
        case qkLayernorm = "qk_layernorm"
        case tieWordEmbeddings = "tie_word_embeddings"
        case maxPositionEmbeddings = "max_position_embeddings"
        case eosTokenID = "eos_token_id"
        case mmImageTower = "mm_image_tower"
        case mmHiddenSize = "mm_hidden_size"
        case imageProjectorType = "image_projector_type"
        case mmVisionSelectLayer = "mm_vision_select_layer"
        case mmVisionSelectFeature = "mm_vision_select_feature"
        case imageAspectRatio = "image_aspect_ratio"
        case moe
    }
}

/// The `moe` object of a `config.json`.
struct RawMixture: Decodable {
    var moeEnable: Bool?
    var moeMode: String?
    var moeLayersIndex: [Int]?
    var numExperts: [Int]?
    var topKExperts: Int?
    var useResidual: Bool?
    var expertDomains: [String]?

    enum CodingKeys: String, CodingKey {
        case moeEnable = "moe_enable"
        case moeMode = "moe_mode"
        case moeLayersIndex = "moe_layers_idx"
        case numExperts = "num_experts"
        case topKExperts = "top_k_experts"
        case useResidual = "use_residual"
        case expertDomains = "expert_domains"
    }

    /// `num_experts` is a list per layer, a list of one, or a plain number.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        moeEnable = try container.decodeIfPresent(Bool.self, forKey: .moeEnable)
        moeMode = try container.decodeIfPresent(String.self, forKey: .moeMode)
        moeLayersIndex = try container.decodeIfPresent([Int].self, forKey: .moeLayersIndex)
        if let single = try? container.decodeIfPresent(Int.self, forKey: .numExperts) {
            numExperts = [single]
        } else {
            numExperts = try container.decodeIfPresent([Int].self, forKey: .numExperts)
        }
        topKExperts = try container.decodeIfPresent(Int.self, forKey: .topKExperts)
        useResidual = try container.decodeIfPresent(Bool.self, forKey: .useResidual)
        expertDomains = try container.decodeIfPresent([String].self, forKey: .expertDomains)
    }
}

extension ModelConfiguration {
    /// Limits that no published model comes near; a larger number is a broken or hostile file.
    private static let sizeLimit = 1 << 20
    private static let layerLimit = 4096

    init(raw: RawConfiguration, file: String) throws {
        func fail(_ key: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(file: file, key: key, problem: problem)
        }
        func size(_ key: String, _ value: Int, limit: Int = ModelConfiguration.sizeLimit) throws -> Int {
            guard (1...limit).contains(value) else { throw fail(key, "is \(value); expected 1 to \(limit)") }
            return value
        }
        func epsilon(_ key: String, _ value: Double) throws -> Double {
            guard value > 0, value < 1 else { throw fail(key, "is \(value); expected a small positive number") }
            return value
        }

        modelType = raw.modelType
        let kind = raw.modelType.lowercased()
        if kind.contains("stablelm") {
            backbone = .stableLM
        } else if kind.contains("phi") {
            backbone = .phi
        } else {
            throw fail("model_type", "is \"\(raw.modelType)\"; supported are moe_llava_stablelm and moe_llava_phi")
        }
        vocabularySize = try size("vocab_size", raw.vocabSize, limit: 1 << 24)
        hiddenSize = try size("hidden_size", raw.hiddenSize)
        intermediateSize = try size("intermediate_size", raw.intermediateSize)
        layerCount = try size("num_hidden_layers", raw.numHiddenLayers, limit: Self.layerLimit)
        headCount = try size("num_attention_heads", raw.numAttentionHeads)
        keyValueHeadCount = try size("num_key_value_heads", raw.numKeyValueHeads ?? raw.numAttentionHeads)
        guard hiddenSize % headCount == 0 else {
            throw fail("num_attention_heads", "is \(headCount), which does not divide hidden_size \(hiddenSize)")
        }
        guard headCount % keyValueHeadCount == 0 else {
            throw fail("num_key_value_heads", "is \(keyValueHeadCount), which does not divide num_attention_heads \(headCount)")
        }
        let rotaryKey = backbone == .stableLM ? "rope_pct" : "partial_rotary_factor"
        let fraction = (backbone == .stableLM ? raw.ropePct ?? raw.partialRotaryFactor : raw.partialRotaryFactor ?? raw.ropePct)
            ?? (backbone == .stableLM ? 0.25 : 0.5)
        guard fraction >= 0, fraction <= 1 else { throw fail(rotaryKey, "is \(fraction); expected 0 to 1") }
        rotaryDimensions = Int(fraction * Double(hiddenSize / headCount))
        guard rotaryDimensions % 2 == 0 else {
            throw fail(rotaryKey, "gives \(rotaryDimensions) rotated dimensions per head; an even number is needed")
        }
        ropeTheta = raw.ropeTheta ?? 10_000
        guard ropeTheta >= 1, ropeTheta.isFinite else { throw fail("rope_theta", "is \(ropeTheta); expected 1 or more") }
        switch backbone {
        case .stableLM:
            normEpsilon = try epsilon("norm_eps", raw.normEps ?? raw.layerNormEps ?? 1e-5)
            usesQKVBias = raw.useQKVBias ?? false
            guard ["silu", "swish", nil].contains(raw.hiddenAct) else {
                throw fail("hidden_act", "is \"\(raw.hiddenAct ?? "")\"; this backbone is supported with \"silu\"")
            }
        case .phi:
            normEpsilon = try epsilon("layer_norm_eps", raw.layerNormEps ?? raw.normEps ?? 1e-5)
            usesQKVBias = true
            guard ["gelu_new", nil].contains(raw.hiddenAct) else {
                throw fail("hidden_act", "is \"\(raw.hiddenAct ?? "")\"; this backbone is supported with \"gelu_new\"")
            }
        }
        guard raw.qkLayernorm != true else { throw fail("qk_layernorm", "is true, which is not supported") }
        tiesEmbeddings = raw.tieWordEmbeddings ?? false
        contextLength = try size("max_position_embeddings", raw.maxPositionEmbeddings ?? (backbone == .stableLM ? 4096 : 2048))
        endTokenID = raw.eosTokenID ?? (backbone == .stableLM ? 100_257 : 50_256)
        guard (0..<vocabularySize).contains(endTokenID) else {
            throw fail("eos_token_id", "is \(endTokenID), outside the vocabulary of \(vocabularySize)")
        }
        projector = try Self.projector(raw.imageProjectorType ?? "mlp2x_gelu", file: file)
        imageFeatureSize = try size("mm_hidden_size", raw.mmHiddenSize ?? 1024)
        selectedTowerLayer = raw.mmVisionSelectLayer ?? -2
        let feature = raw.mmVisionSelectFeature ?? "patch"
        guard let selected = SelectedFeature(rawValue: feature) else {
            throw fail("mm_vision_select_feature", "is \"\(feature)\"; supported are patch and cls_patch")
        }
        selectedFeature = selected
        imageTower = raw.mmImageTower
        imageAspect = raw.imageAspectRatio ?? "square"
        mixture = nil
        if let moe = raw.moe, moe.moeEnable != false { mixture = try mixture(moe, file: file) }
    }

    private static func projector(_ name: String, file: String) throws -> Projector {
        if name == "linear" { return .linear }
        let digits = name.dropFirst(3).prefix { $0.isASCII && $0.isNumber }
        if name == "mlp\(digits)x_gelu", let layers = Int(digits), (1...64).contains(layers) { return .mlp(layers: layers) }
        throw ConfigurationError(
            file: file, key: "image_projector_type", problem: "is \"\(name)\"; supported are linear and mlpNx_gelu")
    }

    private func mixture(_ raw: RawMixture, file: String) throws -> Mixture? {
        func fail(_ key: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(file: file, key: "moe.\(key)", problem: problem)
        }
        let layers: [Int]
        if let listed = raw.moeLayersIndex {
            layers = listed
        } else {
            switch raw.moeMode ?? "sparse" {
            case "sparse": layers = Array(stride(from: 0, to: layerCount, by: 2))
            case "dense": layers = Array(0..<layerCount)
            case "first_half": layers = Array(0..<layerCount / 2)
            case "second_half": layers = Array(layerCount / 2..<layerCount)
            case let other: throw fail("moe_mode", "is \"\(other)\"; known are sparse, dense, first_half and second_half")
            }
        }
        guard Set(layers).count == layers.count, layers.allSatisfy((0..<layerCount).contains) else {
            throw fail("moe_layers_idx", "is \(layers); expected different layers below \(layerCount)")
        }
        if layers.isEmpty { return nil }
        let counts = raw.numExperts ?? []
        guard counts.count == 1 || counts.count == layers.count, counts.allSatisfy((1...4096).contains) else {
            throw fail("num_experts", "is \(counts); expected one number, or one per mixture layer (\(layers.count)), of 1 to 4096")
        }
        let expertCounts = counts.count == 1 ? Array(repeating: counts[0], count: layers.count) : counts
        let topK = raw.topKExperts ?? 2
        guard topK == 1 || topK == 2, expertCounts.allSatisfy({ $0 >= topK }) else {
            throw fail("top_k_experts", "is \(topK) with \(expertCounts) experts; expected 1 or 2, and no more than there are experts")
        }
        let domains = raw.expertDomains ?? []
        guard domains.isEmpty || domains.count == expertCounts.max() else {
            throw fail("expert_domains", "has \(domains.count) names for \(expertCounts.max() ?? 0) experts")
        }
        guard Set(domains.map { $0.lowercased() }).count == domains.count else {
            throw fail("expert_domains", "names a domain twice: \(domains)")
        }
        // The numbers of experts belong to the layers in the order in which both are listed.
        let pairs = zip(layers, expertCounts).sorted { $0.0 < $1.0 }
        return Mixture(
            layers: pairs.map(\.0), expertCounts: pairs.map(\.1), topK: topK, usesResidual: raw.useResidual ?? false, domains: domains)
    }
}
