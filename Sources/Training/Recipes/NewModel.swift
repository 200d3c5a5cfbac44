import Checkpoints
import Foundation
import Imaging
import Language
import StrictJSON
import Tensors

/// Writes a model of new weights: what the `encoder` and `language` steps begin with.
public enum NewModel {
    /// - Parameters:
    ///   - tokenizer: folder with the tokenizer's files.
    ///   - out: a new or empty folder.
    /// - Throws: `TrainingError` for sizes that make no model, `TokenizerError`, `CheckpointError`.
    public static func write(_ shape: ModelShape, tokenizer: String, seed: UInt64, to out: String) throws {
        try shape.check()
        let vocabulary = try TokenizerLoader.load(directory: URL(filePath: tokenizer))
        guard let end = vocabulary.endOfTextID else {
            throw TrainingError.impossible("the tokenizer in \(tokenizer) has no end token: name <|endoftext|> as eos_token in tokenizer_config.json")
        }
        let config = try JSONSerialization.data(
            withJSONObject: languageConfig(shape, vocabulary: vocabulary.vocabularySize, end: end), options: [.sortedKeys])
        var scanner = JSONScanner([UInt8](config))
        let names = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "added_tokens.json"]
        var checkpoint = PublishedCheckpoint(
            model: MemoryTensors(try language(shape, vocabulary: vocabulary.vocabularySize, seed: seed)),
            config: try scanner.value(), tower: MemoryTensors(try tower(shape, seed: seed)),
            copies: names.map { "\(tokenizer)/\($0)" }.filter { FileManager.default.fileExists(atPath: $0) })
        for (name, object) in [("config.json", towerConfig(shape)), ("preprocessor_config.json", processorConfig(shape))] {
            checkpoint.towerFiles[name] = [UInt8](
                try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys]))
        }
        // Under its name when it is complete: whoever was killed meanwhile begins it anew.
        let aside = out + ".part"
        try? FileManager.default.removeItem(atPath: aside)
        try checkpoint.write(to: aside)
        guard rename(aside, out) == 0 else {
            throw CheckpointError.system(file: out, operation: "renaming \(aside)", reason: String(cString: strerror(errno)))
        }
    }

    private static func language(_ shape: ModelShape, vocabulary: Int, seed: UInt64) throws -> [String: Tensor] {
        var maker = TensorMaker(Initialisation(seed: seed))
        let (width, inner) = (shape.backbone.width, shape.backbone.inner)
        maker.tensors["model.embed_tokens.weight"] = try maker.initial.normal(vocabulary, width, deviation: 0.02).tensor()
        for layer in 0..<shape.backbone.layers {
            let prefix = TensorNames.layer(layer)
            for name in ["input_layernorm", "post_attention_layernorm"] { try maker.norm(prefix + name, width) }
            for name in ["q_proj", "k_proj", "v_proj"] { try maker.linear("\(prefix)self_attn.\(name)", width, width) }
            try maker.linear("\(prefix)self_attn.o_proj", width, width, bias: false)
            let network = TensorNames.feedForward(layer: layer)
            for name in ["gate_proj", "up_proj"] { try maker.linear(network + name, inner, width, bias: false) }
            try maker.linear(network + "down_proj", width, inner, bias: false)
        }
        try maker.norm("model.norm", width)
        try maker.linear("lm_head", vocabulary, width, bias: false)
        let projector = "model.mm_projector.image_spatial_proj"
        try maker.linear("\(projector).0", width, shape.tower.width)
        try maker.linear("\(projector).2", width, width)
        return maker.tensors
    }

    private static func tower(_ shape: ModelShape, seed: UInt64) throws -> [String: Tensor] {
        var maker = TensorMaker(Initialisation(seed: seed &+ 1))
        let width = shape.tower.width
        let positions = (shape.image / shape.patch) * (shape.image / shape.patch) + 1
        let embeddings = "vision_model.embeddings"
        maker.tensors["\(embeddings).patch_embedding.weight"] = try maker.initial.linear(width, 3 * shape.patch * shape.patch)
            .tensor(shape: [width, 3, shape.patch, shape.patch])
        maker.tensors["\(embeddings).class_embedding"] = try maker.initial.normal(1, width, deviation: 0.02).tensor(shape: [width])
        maker.tensors["\(embeddings).position_embedding.weight"] = try maker.initial.normal(positions, width, deviation: 0.02).tensor()
        try maker.norm("vision_model.pre_layrnorm", width)
        for layer in 0..<shape.tower.layers {
            try maker.encoderLayer("vision_model.encoder.layers.\(layer)", width: width)
        }
        try maker.norm("vision_model.post_layernorm", width)
        return maker.tensors
    }

    private static func languageConfig(_ shape: ModelShape, vocabulary: Int, end: Int) -> [String: Any] {
        [
            "model_type": "moe_llava_stablelm", "torch_dtype": "float32", "vocab_size": vocabulary,
            "hidden_size": shape.backbone.width, "intermediate_size": shape.backbone.inner,
            "num_hidden_layers": shape.backbone.layers, "num_attention_heads": shape.backbone.heads,
            "num_key_value_heads": shape.backbone.heads, "hidden_act": "silu", "rope_pct": 0.25, "rope_theta": 10_000,
            "norm_eps": 1e-5, "use_qkv_bias": true, "max_position_embeddings": shape.backbone.context, "bos_token_id": end,
            "eos_token_id": end, "tie_word_embeddings": false, "mm_hidden_size": shape.tower.width,
            "image_projector_type": "mlp2x_gelu", "mm_vision_select_layer": shape.tower.layers > 1 ? -2 : -1,
            "mm_vision_select_feature": "patch", "mm_use_im_start_end": false, "mm_use_im_patch_token": false,
            "image_aspect_ratio": "pad", "use_mm_proj": true,
        ]
    }

    private static func towerConfig(_ shape: ModelShape) -> [String: Any] {
        [
            "model_type": "clip_vision_model", "hidden_size": shape.tower.width, "intermediate_size": 4 * shape.tower.width,
            "num_hidden_layers": shape.tower.layers, "num_attention_heads": shape.tower.heads, "image_size": shape.image,
            "patch_size": shape.patch, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "projection_dim": shape.tower.width,
            "num_channels": 3,
        ]
    }

    private static func processorConfig(_ shape: ModelShape) -> [String: Any] {
        let clip = ImageProcessorConfiguration.clipViTLarge14At336
        return [
            "image_processor_type": "CLIPImageProcessor", "do_resize": true, "size": ["shortest_edge": shape.image], "resample": 3,
            "do_center_crop": true, "crop_size": ["height": shape.image, "width": shape.image], "do_rescale": true,
            "rescale_factor": 1.0 / 255, "do_normalize": true, "image_mean": clip.imageMean,
            "image_std": clip.normalisation?.standardDeviation ?? [1, 1, 1], "do_convert_rgb": true,
        ]
    }
}
