import Checkpoints
import Foundation
import MedMoE
import ModelFixtures
import Tensors
import Testing

/// Different ways to write one model down: each must compute the same bits.
@Suite("Variants of writing")
struct VariantEquivalenceTests {
    /// Logits of the case's prompt, after `edit` has rewritten a copy of it.
    private func logits(_ name: String, _ edit: (VariantCopy) throws -> Void = { _ in }) async throws -> [Float] {
        let variant = try Variant.named(name)
        return try await variant.withCopy { copy in
            try edit(copy)
            let (model, bank) = try copy.load()
            let engine = InferenceEngine(
                model: model, options: EngineOptions(gemm: .rowKernel, threads: 1),
                dispatch: { LocalExpertDispatch(bank: bank, context: $0) })
            let trace = try await engine.trace(
                prompt: variant.prompt, images: [[UInt8](Data(contentsOf: variant.image))], maximumTokens: 1)
            return try #require(trace.tensors["logits"]).floats()
        }
    }

    private func rename(_ copy: VariantCopy, _ from: String, _ to: String) throws {
        try copy.editTensors { tensors in
            let names = tensors.keys.filter { $0.contains(from) }
            try #require(!names.isEmpty)
            for name in names { tensors[name.replacingOccurrences(of: from, with: to)] = tensors.removeValue(forKey: name) }
        }
    }

    @Test("with use_residual, the shared module may lie under either name or both, in each layer on its own")
    func residualNames() async throws {
        let both = try await logits("stablelm-residual-both")
        for dropped in [".mlp.meta_moe.", ".mlp.mlp."] {
            let one = try await logits("stablelm-residual-both") { copy in
                try copy.editTensors { tensors in
                    for name in tensors.keys where name.contains(dropped) { tensors[name] = nil }
                }
            }
            #expect(one == both, "without \(dropped)")
        }
        let meta = try await logits("stablelm-residual-meta")
        #expect(try await logits("stablelm-residual-meta") { try rename($0, ".mlp.meta_moe.", ".mlp.mlp.") } == meta)
        #expect(try await logits("stablelm-residual-meta") { try rename($0, ".2.mlp.meta_moe.", ".2.mlp.mlp.") } == meta)
    }

    @Test("without the gate's bias, a residual module is not also a meta expert")
    func biaslessGate() async throws {
        let withMeta = try await logits("stablelm-residual-mlp") { copy in
            // A bias of 0 changes no gate output, yet says that this is Med-MoE.
            try copy.editTensors { $0["model.layers.1.mlp.deepspeed_moe.gate.wg.bias"] = try Tensor([Float](repeating: 0, count: 4), shape: [4]) }
        }
        let without = try await logits("stablelm-residual-mlp") { copy in
            try copy.editTensors { $0["model.layers.1.mlp.deepspeed_moe.gate.wg.bias"] = nil }
        }
        #expect(withMeta != without)
    }

    @Test("mixture layers may be listed in any order, their numbers of experts in the same")
    func unsortedLayers() async throws {
        let sorted = try await logits("phi-llava-residual")
        let reversed = try await logits("phi-llava-residual") {
            try $0.editConfiguration(["moe.moe_layers_idx": [1, 0], "moe.num_experts": [2, 3]])
        }
        #expect(reversed == sorted)
    }

    @Test("listed layers go before the mode, one number of experts stands for all layers, and keys may be absent")
    func listedLayers() async throws {
        let named = try await logits("phi-top2")
        #expect(try await logits("phi-top2") { try $0.editConfiguration(["moe.moe_layers_idx": [0, 1], "moe.moe_mode": "sparse"]) } == named)
        #expect(try await logits("phi-top2") { try $0.editConfiguration(["moe.num_experts": 3]) } == named)
        #expect(try await logits("phi-top2") { try $0.editConfiguration(["moe.num_experts": [3, 3]]) } == named)
        // Two experts per token is the public code's default; sparse its mode.
        #expect(try await logits("phi-top2") { try $0.editConfiguration(["moe.top_k_experts": nil, "moe.moe_enable": nil, "moe.use_residual": nil]) } == named)
        let sparse = try await logits("stablelm-llava")
        #expect(try await logits("stablelm-llava") { try $0.editConfiguration(["moe.moe_mode": nil, "moe.moe_layers_idx": NSNull()]) } == sparse)
    }

    @Test("a tied head goes on the embedding even when a head of its own lies in the file")
    func tiedWithHead() async throws {
        let tied = try await logits("stablelm-dense-tied")
        let other = try await logits("stablelm-dense-tied") { copy in
            try copy.editTensors { $0["lm_head.weight"] = try Tensor([Float](repeating: 1, count: 400 * 16), shape: [400, 16]) }
        }
        #expect(other == tied)
    }

    @Test("a tower inside the checkpoint and one beside it are the same model")
    func towerPlace() async throws {
        let inside = try await logits("stablelm-eight-tied")
        let beside = try await logits("stablelm-eight-tied") { copy in
            var tower: [String: Tensor] = [:]
            try copy.editTensors { tensors in
                for name in tensors.keys.filter({ $0.contains("vision_model.") }) {
                    tower[String(name.dropFirst("model.image_tower.image_tower.".count))] = tensors.removeValue(forKey: name)
                }
            }
            try SafetensorsWriter.write(tower, to: copy.folder.appending(path: "clip/model.safetensors").path)
        }
        #expect(beside == inside)
    }

    @Test("weights widened to float32 compute the same bits as the narrow ones", arguments: ["phi-top2", "stablelm-llava"])
    func widened(name: String) async throws {
        let narrow = try await logits(name)
        let wide = try await logits(name) { copy in
            for file in ["checkpoint/model.safetensors", "clip/model.safetensors"] {
                try copy.editTensors(file) { tensors in
                    try #require(tensors.values.allSatisfy { $0.dtype != .float32 })
                    for (name, tensor) in tensors { tensors[name] = try tensor.float32() }
                }
            }
        }
        #expect(wide == narrow)
    }
}
