import Testing

@testable import Checkpoints

/// What names mean.
@Suite struct TensorNamesTests {
    @Test(arguments: [
        ("model.layers.3.mlp.deepspeed_moe.experts.deepspeed_experts.12.fc1.bias", TensorNames.Role.expert(layer: 3, expert: 12, rest: "fc1.bias")),
        ("model.layers.3.mlp.meta_moe.fc1.bias", .meta(layer: 3, rest: "fc1.bias")),
        ("model.layers.3.mlp.mlp.fc1.bias", .residual(layer: 3, rest: "fc1.bias")),
        ("model.layers.3.mlp.deepspeed_moe.gate.wg.weight", .gate(layer: 3, rest: "weight")),
        ("model.layers.3.mlp.coefficient.weight", .shared),
        ("model.layers.3.mlp.fc1.bias", .shared),
        ("model.layers.03.mlp.meta_moe.fc1.bias", .shared),
        ("model.layers.-1.mlp.meta_moe.fc1.bias", .shared),
        ("model.layers.99999999999999999999.mlp.meta_moe.fc1.bias", .shared),
        ("model.layers.3.mlp.deepspeed_moe.experts.deepspeed_experts.+1.fc1.bias", .shared),
        ("lm_head.weight", .shared),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", .derived),
        ("vision_model.embeddings.position_ids", .derived),
        ("vision_model.post_layernorm.bias", .tower(name: "vision_model.post_layernorm.bias")),
        ("model.image_tower.image_tower.vision_model.post_layernorm.bias", .tower(name: "vision_model.post_layernorm.bias")),
        ("model.other_vision_model.x", .shared),
    ]) func aNameHasOneRole(name: String, role: TensorNames.Role) { #expect(TensorNames.role(of: name) == role) }

    @Test func prefixesAndRolesAgree() {
        #expect(TensorNames.role(of: TensorNames.expert(layer: 1, expert: 2) + "x") == .expert(layer: 1, expert: 2, rest: "x"))
        #expect(TensorNames.role(of: TensorNames.meta(layer: 1) + "x") == .meta(layer: 1, rest: "x"))
        #expect(TensorNames.role(of: TensorNames.residual(layer: 1) + "x") == .residual(layer: 1, rest: "x"))
        #expect(TensorNames.role(of: TensorNames.gate(layer: 1) + "x") == .gate(layer: 1, rest: "x"))
        #expect(TensorNames.role(of: TensorNames.towerInside + TensorNames.tower + "x") == .tower(name: "vision_model.x"))
    }
}
