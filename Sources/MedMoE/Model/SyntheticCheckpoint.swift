import Checkpoints
import Foundation
import Glibc
import Tensors

/// A checkpoint of random weights of a chosen size, for load tests: it computes as much as a trained one and says nothing.
///
/// Tensors are made when they are written, one at a time, so the checkpoint may be larger than the memory.
public struct SyntheticCheckpoint: TensorSource {
    /// Sizes of the backbone that is made; everything else is taken from an existing checkpoint.
    public struct Size: Sendable, Hashable {
        public var hidden: Int
        public var inner: Int
        public var layers: Int
        public var heads: Int
        public var experts: Int
        public var topK: Int

        public init(hidden: Int, inner: Int, layers: Int, heads: Int, experts: Int, topK: Int) {
            self.hidden = hidden
            self.inner = inner
            self.layers = layers
            self.heads = heads
            self.experts = experts
            self.topK = topK
        }
    }

    /// Gates that prefer one expert, as when all questions are of one kind.
    public struct Preference: Sendable, Hashable {
        public var expert: Int
        /// Its part of all first choices, about; more than 0, less than 1.
        public var share: Double

        public init(expert: Int, share: Double) {
            self.expert = expert
            self.share = share
        }
    }

    private let descriptors: [String: TensorDescriptor]
    public let names: [String]
    private let seed: UInt64
    private let preference: Preference?

    private init(_ descriptors: [String: TensorDescriptor], seed: UInt64, preference: Preference?) {
        self.descriptors = descriptors
        names = descriptors.keys.sorted()
        self.seed = seed
        self.preference = preference
    }

    public func descriptor(_ name: String) -> TensorDescriptor? { descriptors[name] }

    public func tensor(_ name: String) throws -> Tensor {
        guard let descriptor = descriptors[name] else { throw ModelError.missingTensor(name, hint: "") }
        let count = descriptor.shape.reduce(1, *)
        // Norm weights are one, biases zero, matrices uniform with the variance 1 / columns: activations keep their size.
        let isNorm = name.contains("norm")
        let scale = descriptor.shape.count == 2 ? (3 / Float(descriptor.shape[1])).squareRoot() : 0
        var state = name.utf8.reduce(seed ^ 0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let storage = Storage.filled(byteCount: count * 4) { bytes in
            let values = bytes.bindMemory(to: Float.self)
            for index in values.indices {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let uniform = Float(state >> 40) / Float(1 << 23) - 1
                values[index] = isNorm ? (name.hasSuffix("weight") ? 1 : 0) : uniform * scale
            }
            if let preference, case .gate(_, "bias") = TensorNames.role(of: name), values.indices.contains(preference.expert) {
                values[preference.expert] = GateBias.preferring(share: preference.share, among: count)
            }
        }
        return try Tensor(dtype: .float32, shape: descriptor.shape, storage: storage)
    }

    /// Writes a StableLM-style checkpoint with mixture layers at every second layer; tower, tokenizer and image settings
    /// are those of `folder`.
    ///
    /// - Parameters:
    ///   - preference: an expert that gates choose most of the time; nil for gates that prefer none on purpose.
    ///   - path: a folder that does not exist yet.
    /// - Throws: `ModelError` for sizes that make no model; what reading and writing throws. Nothing half-written stays.
    public static func write(
        _ size: Size, like folder: CheckpointFolder, seed: UInt64, preferring preference: Preference? = nil, to path: String
    ) throws {
        if let preference, !(0..<size.experts).contains(preference.expert) || !(preference.share > 0 && preference.share < 1) {
            throw ModelError.inconsistent(
                "expert \(preference.expert) with a share of \(preference.share) is impossible: there are experts 0 to \(size.experts - 1), shares lie between 0 and 1")
        }
        let template = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        let tower = try folder.imageTower()
        guard !FileManager.default.fileExists(atPath: path) else {
            throw ModelError.inconsistent("\(path) exists already: name a new folder")
        }
        let config = try configuration(size, template: template)
        let made = try ModelConfiguration(data: config, file: "config.json of the new checkpoint")
        let aside = path + ".partial-\(getpid())"
        do {
            let files = FileManager.default
            try files.createDirectory(atPath: aside + "/clip", withIntermediateDirectories: true)
            for file in folder.tokenizerPaths { try files.copyItem(atPath: file, toPath: aside + "/" + URL(filePath: file).lastPathComponent) }
            for (file, name) in [(tower.configPath, "config.json"), (tower.preprocessorConfigPath, "preprocessor_config.json")] {
                if let file { try files.copyItem(atPath: file, toPath: "\(aside)/clip/\(name)") }
            }
            try SafetensorsWriter.write(tower.source, names: tower.source.names, metadata: ["format": "pt"], to: aside + "/clip/model.safetensors")
            let source = SyntheticCheckpoint(descriptors(made), seed: seed, preference: preference)
            try SafetensorsWriter.write(source, names: source.names, metadata: ["format": "pt"], to: aside + "/model.safetensors")
            try config.write(to: URL(filePath: aside + "/config.json"))
            try files.moveItem(atPath: aside, toPath: path)
        } catch {
            try? FileManager.default.removeItem(atPath: aside)
            throw error
        }
    }

    private static func configuration(_ size: Size, template: ModelConfiguration) throws -> Data {
        let layers = Array(stride(from: 0, to: size.layers, by: 2))
        let domains = template.mixture?.domains ?? []
        var moe: [String: Any] = [
            "moe_enable": true, "moe_mode": "sparse", "moe_layers_idx": layers, "num_experts": layers.map { _ in size.experts },
            "top_k_experts": size.topK, "use_residual": false,
        ]
        if domains.count == size.experts { moe["expert_domains"] = domains }
        let projector = switch template.projector {
        case .linear: "linear"
        case .mlp(let layers): "mlp\(layers)x_gelu"
        }
        let config: [String: Any] = [
            "model_type": "moe_llava_stablelm", "torch_dtype": "float32", "vocab_size": template.vocabularySize,
            "hidden_size": size.hidden, "intermediate_size": size.inner, "num_hidden_layers": size.layers,
            "num_attention_heads": size.heads, "num_key_value_heads": size.heads, "hidden_act": "silu", "rope_pct": 0.25,
            "rope_theta": 10_000, "norm_eps": 1e-5, "use_qkv_bias": true, "tie_word_embeddings": false,
            "max_position_embeddings": template.contextLength, "eos_token_id": template.endTokenID, "mm_image_tower": "clip",
            "mm_hidden_size": template.imageFeatureSize, "image_projector_type": projector,
            "mm_vision_select_layer": template.selectedTowerLayer, "mm_vision_select_feature": template.selectedFeature.rawValue,
            "image_aspect_ratio": template.imageAspect, "moe": moe,
        ]
        return try JSONSerialization.data(withJSONObject: config, options: [.prettyPrinted, .sortedKeys])
    }

    private static func descriptors(_ c: ModelConfiguration) -> [String: TensorDescriptor] {
        var all: [String: TensorDescriptor] = [:]
        func add(_ name: String, _ shape: [Int]) { all[name] = TensorDescriptor(dtype: .float32, shape: shape) }
        func linear(_ name: String, _ outer: Int, _ inner: Int, bias: Bool) {
            add("\(name).weight", [outer, inner])
            if bias { add("\(name).bias", [outer]) }
        }
        func norm(_ name: String) {
            add("\(name).weight", [c.hiddenSize])
            add("\(name).bias", [c.hiddenSize])
        }
        func network(_ prefix: String) {
            linear("\(prefix)gate_proj", c.intermediateSize, c.hiddenSize, bias: false)
            linear("\(prefix)up_proj", c.intermediateSize, c.hiddenSize, bias: false)
            linear("\(prefix)down_proj", c.hiddenSize, c.intermediateSize, bias: false)
        }
        add("model.embed_tokens.weight", [c.vocabularySize, c.hiddenSize])
        linear("lm_head", c.vocabularySize, c.hiddenSize, bias: false)
        norm("model.norm")
        let projector = "model.mm_projector.image_spatial_proj"
        switch c.projector {
        case .linear: linear(projector, c.hiddenSize, c.imageFeatureSize, bias: true)
        case .mlp(let layers):
            for layer in 0..<layers { linear("\(projector).\(2 * layer)", c.hiddenSize, layer == 0 ? c.imageFeatureSize : c.hiddenSize, bias: true) }
        }
        for layer in 0..<c.layerCount {
            let prefix = TensorNames.layer(layer)
            norm("\(prefix)input_layernorm")
            norm("\(prefix)post_attention_layernorm")
            for name in ["q_proj", "k_proj", "v_proj"] { linear("\(prefix)self_attn.\(name)", c.hiddenSize, c.hiddenSize, bias: true) }
            linear("\(prefix)self_attn.o_proj", c.hiddenSize, c.hiddenSize, bias: false)
            let experts = c.mixture?.expertCount(layer: layer) ?? 0
            if experts == 0 {
                network(TensorNames.feedForward(layer: layer))
            } else {
                add("\(TensorNames.gate(layer: layer))weight", [experts, c.hiddenSize])
                add("\(TensorNames.gate(layer: layer))bias", [experts])
                for expert in 0..<experts { network(TensorNames.expert(layer: layer, expert: expert)) }
                network(TensorNames.meta(layer: layer))
            }
        }
        return all
    }
}
