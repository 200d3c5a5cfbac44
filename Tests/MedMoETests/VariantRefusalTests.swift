import Checkpoints
import Foundation
import MedMoE
import ModelFixtures
import Tensors
import Testing

/// Checkpoints that do not fit their configuration are refused when they are loaded, and the tensor or key is named.
@Suite("Variants that cannot be")
struct VariantRefusalTests {
    /// What loading the case throws after `edit` has spoiled a copy of it.
    private func refusal(_ name: String, _ edit: (VariantCopy) throws -> Void) async throws -> (any Error)? {
        try await Variant.named(name).withCopy { copy in
            try edit(copy)
            do {
                _ = try copy.load()
                return nil
            } catch {
                return error
            }
        }
    }

    // Tensors

    @Test("a missing tensor is named", arguments: [
        ("phi-top2", "model.layers.1.mlp.deepspeed_moe.experts.deepspeed_experts.2.fc2.bias"),
        ("stablelm-llava", "model.layers.2.mlp.deepspeed_moe.experts.deepspeed_experts.1.up_proj.weight"),
        ("stablelm-llava", "model.layers.2.mlp.deepspeed_moe.gate.wg.weight"),
        ("phi-top2", "model.layers.0.mlp.meta_moe.fc2.weight"),
        ("phi-top2", "model.layers.0.mlp.meta_moe.fc1.weight"),
        ("stablelm-residual-mlp", "model.layers.1.mlp.mlp.gate_proj.weight"),
        ("phi-residual-mlp", "model.layers.1.mlp.mlp.fc1.bias"),
        ("stablelm-residual-meta", "model.layers.2.mlp.coefficient.bias"),
        ("phi-dense", "model.layers.1.mlp.fc1.weight"),
        ("phi-dense", "lm_head.weight"),
        ("stablelm-dense-tied", "model.embed_tokens.weight"),
        ("stablelm-dense-tied", "model.layers.0.post_attention_layernorm.weight"),
        ("phi-llava", "model.mm_projector.image_spatial_proj.4.weight"),
    ])
    func missingTensor(name: String, tensor: String) async throws {
        let error = try await refusal(name) { copy in
            try copy.editTensors { try #require($0.removeValue(forKey: tensor) != nil) }
        }
        guard case .missingTensor(tensor, _) = error as? ModelError else {
            Issue.record("expected a missing \(tensor), not \(String(describing: error))")
            return
        }
    }

    @Test("a meta expert that lacks the same tensor in every layer does not pass for none")
    func metaLacksTensorEverywhere() async throws {
        let error = try await refusal("phi-top2") { copy in
            try copy.editTensors { tensors in
                for layer in 0...1 { tensors["model.layers.\(layer).mlp.meta_moe.fc1.weight"] = nil }
            }
        }
        guard case .missingTensor("model.layers.0.mlp.meta_moe.fc1.weight", _) = error as? ModelError else {
            Issue.record("expected a missing tensor, not \(String(describing: error))")
            return
        }
    }

    @Test("a meta expert in only one of two mixture layers is refused, and the layers are named")
    func metaInOneLayerOnly() async throws {
        let error = try await refusal("phi-top2") { copy in
            try copy.editTensors { tensors in
                for name in tensors.keys where name.contains("layers.1.mlp.meta_moe") { tensors[name] = nil }
            }
        }
        guard case .inconsistent(let text) = error as? ModelError else {
            Issue.record("expected an inconsistent model, not \(String(describing: error))")
            return
        }
        #expect(text.contains("[0] of [0, 1]") && text.contains("meta expert"))
    }

    @Test("use_residual without the residual module is refused")
    func residualModuleMissing() async throws {
        let error = try await refusal("stablelm-llava-residual") { copy in
            try copy.editTensors { tensors in
                for name in tensors.keys where name.contains(".mlp.mlp.") { tensors[name] = nil }
            }
        }
        guard case .missingTensor("model.layers.1.mlp.mlp.gate_proj.weight", let hint) = error as? ModelError else {
            Issue.record("expected a missing residual module, not \(String(describing: error))")
            return
        }
        #expect(hint.contains("use_residual"))
    }

    @Test("a tensor of another shape is named with both shapes", arguments: [
        ("phi-top2", "model.layers.1.mlp.deepspeed_moe.experts.deepspeed_experts.2.fc1.weight", [12, 16]),
        ("phi-top2", "model.layers.0.mlp.deepspeed_moe.gate.wg.bias", [3]),
        ("phi-top2", "model.layers.0.self_attn.k_proj.weight", [8, 16]),
        ("phi-grouped-tied", "lm_head.bias", [400]),
        ("stablelm-residual-both", "model.layers.0.mlp.coefficient.weight", [2, 16]),
        ("stablelm-eight-tied", "model.mm_projector.image_spatial_proj.0.weight", [20, 16]),
    ])
    func wrongShape(name: String, tensor: String, shape: [Int]) async throws {
        let error = try await refusal(name) { copy in
            try copy.editTensors { tensors in
                try #require(tensors[tensor]?.shape == shape)
                let changed = [shape[0] + 1] + shape.dropFirst()
                tensors[tensor] = try Tensor([Float](repeating: 0, count: changed.reduce(1, *)), shape: changed)
            }
        }
        #expect(error as? ModelError == .wrongShape(tensor: tensor, found: [shape[0] + 1] + shape.dropFirst(), expected: shape))
    }

    @Test("a transposed weight with the right number of elements is refused")
    func transposed() async throws {
        let tensor = "model.layers.1.mlp.deepspeed_moe.experts.deepspeed_experts.0.fc1.weight"
        let error = try await refusal("phi-top2") { copy in
            try copy.editTensors { $0[tensor] = try Tensor([Float](repeating: 0, count: 12 * 16), shape: [16, 12]) }
        }
        #expect(error as? ModelError == .wrongShape(tensor: tensor, found: [16, 12], expected: [12, 16]))
    }

    @Test("a weight of whole numbers is refused")
    func integerWeight() async throws {
        let tensor = "model.layers.0.mlp.meta_moe.fc2.bias"
        let error = try await refusal("phi-top2") { copy in
            try copy.editTensors { $0[tensor] = try Tensor([Int64](repeating: 0, count: 16), shape: [16]) }
        }
        guard case .wrongType(tensor, _) = error as? ModelError else {
            Issue.record("expected a wrong type, not \(String(describing: error))")
            return
        }
    }

    @Test("a gate with another number of experts than the configuration is refused", arguments: [
        ("phi-top2", 2), ("phi-top2", 4), ("phi-llava", 3),
    ])
    func gateDoesNotFit(name: String, experts: Int) async throws {
        let error = try await refusal(name) { try $0.editConfiguration(["moe.num_experts": [experts]]) }
        guard case .wrongShape("model.layers.0.mlp.deepspeed_moe.gate.wg.weight", let found, [experts, 16]) = error as? ModelError else {
            Issue.record("expected a gate of a wrong shape, not \(String(describing: error))")
            return
        }
        #expect(found != [experts, 16])
    }

    // Configuration

    /// One change to a `config.json` and the key that the refusal must name.
    struct Change: Sendable, CustomTestStringConvertible {
        let variant: String
        let key: String
        let json: String
        var blamed: String?
        var testDescription: String { "\(variant): \(key) = \(json)" }
    }

    @Test("a key that cannot be is named", arguments: [
        Change(variant: "phi-top2", key: "moe.top_k_experts", json: "3"),
        Change(variant: "phi-top2", key: "moe.top_k_experts", json: "0"),
        Change(variant: "phi-grouped-tied", key: "moe.num_experts", json: "[1, 2, 2]"),
        Change(variant: "phi-top2", key: "moe.num_experts", json: "[]"),
        Change(variant: "phi-top2", key: "moe.num_experts", json: "[1]", blamed: "moe.top_k_experts"),
        Change(variant: "phi-top2", key: "moe.num_experts", json: "-4"),
        Change(variant: "phi-top2", key: "moe.num_experts", json: "\"many\""),
        Change(variant: "phi-top2", key: "moe.moe_mode", json: "\"every_third\""),
        Change(variant: "phi-residual-mlp", key: "moe.moe_layers_idx", json: "[2]"),
        Change(variant: "phi-residual-mlp", key: "moe.moe_layers_idx", json: "[1, 1]"),
        Change(variant: "phi-top2", key: "image_projector_type", json: "\"qformer\""),
        Change(variant: "phi-top2", key: "image_projector_type", json: "\"mlpx_gelu\""),
        Change(variant: "phi-top2", key: "image_projector_type", json: "\"mlp0x_gelu\""),
        Change(variant: "phi-top2", key: "partial_rotary_factor", json: "0.4"),
        Change(variant: "stablelm-llava", key: "rope_pct", json: "0.25"),
        Change(variant: "stablelm-llava", key: "rope_pct", json: "1.5"),
        Change(variant: "phi-grouped-tied", key: "num_key_value_heads", json: "3"),
        Change(variant: "phi-grouped-tied", key: "num_key_value_heads", json: "0"),
        Change(variant: "phi-grouped-tied", key: "num_key_value_heads", json: "8"),
        Change(variant: "phi-grouped-tied", key: "num_attention_heads", json: "3"),
        Change(variant: "phi-top2", key: "mm_vision_select_feature", json: "\"cls\""),
        Change(variant: "phi-top2", key: "hidden_act", json: "\"gelu\""),
        Change(variant: "stablelm-llava", key: "hidden_act", json: "\"gelu_new\""),
        Change(variant: "phi-top2", key: "qk_layernorm", json: "true"),
        Change(variant: "phi-top2", key: "model_type", json: "\"moe_llava_qwen\""),
    ])
    func badKey(change: Change) async throws {
        let error = try await refusal(change.variant) { copy in
            let value = try JSONSerialization.jsonObject(with: Data(change.json.utf8), options: .fragmentsAllowed)
            try copy.editConfiguration([change.key: value])
        }
        #expect((error as? ConfigurationError)?.key == change.blamed ?? change.key, "\(String(describing: error))")
    }

    @Test("a hidden state that the tower does not have is refused", arguments: [3, -4])
    func towerLayer(number: Int) async throws {
        let error = try await refusal("phi-top2") { try $0.editConfiguration(["mm_vision_select_layer": number]) }
        guard case .inconsistent(let text) = error as? ModelError else {
            Issue.record("expected an inconsistent model, not \(String(describing: error))")
            return
        }
        #expect(text.contains("mm_vision_select_layer \(number)"))
    }
}
