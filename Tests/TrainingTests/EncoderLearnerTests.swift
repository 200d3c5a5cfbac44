import Checkpoints
import Foundation
import LearningSupport
import ModelFixtures
import Tensors
import Testing

@testable import Training

/// Contrastive learning of the tower of a small model, on the six images of the fixtures.
struct EncoderLearnerTests {
    private let context = TrainingContext(threads: 2)

    private func learner(batch: Int = 6, modalities: [Int?] = [0, 1, 2, 0, nil, 1]) throws -> EncoderLearner {
        let model = try LearnableModel(folder: CheckpointFolder(path: ModelFixture.stableLM.checkpoint.path))
        let images = ImageStore(model, folder: FixtureImages.folder)
        for path in FixtureImages.paths { _ = try images.number(of: path) }
        let texts = ["a chest x-ray", "the brain, MRI", "bowel loops on CT", "lungs", "a tissue slide stained", "spine", "a second text of the first"]
            .map { model.tokenizer.encode($0) }
        var settings = StageSettings(.encoder)
        settings.batch = batch
        return try EncoderLearner(
            model, examples: .init(texts: texts, textsOfImages: [[0, 6], [1], [2], [3], [4], [5]], modalities: modalities), images: images,
            domains: 3, settings: settings, context)
    }

    @Test("the loss falls, with and without known modalities", arguments: [true, false])
    func lossFalls(knowsModalities: Bool) async throws {
        let learner = try knowsModalities ? learner() : learner(modalities: Array(repeating: nil, count: 6))
        let optimiser = AdamW(learner.parameters)
        var losses: [Double] = []
        for update in 0..<100 {
            losses.append(try await learner.learn(update: update, isolation: nil).loss)
            optimiser.step(rate: 1e-3, context)
        }
        // Six pairs without knowledge: ln 6, and ½ ln 3 for the modality.
        let clueless = log(6.0) + (knowsModalities ? 0.5 * log(3.0) : 0)
        #expect(abs(losses[0] - clueless) < 0.8, "\(losses[0])")
        #expect(losses[95...].reduce(0, +) / 5 < 0.4 * clueless, "\(losses.suffix(30))")
    }

    @Test(
        "gradients are those of finite differences",
        arguments: [
            "text_model.embeddings.token_embedding.weight", "text_model.embeddings.position_embedding.weight",
            "text_model.encoder.layers.0.self_attn.q_proj.weight", "text_model.encoder.layers.0.mlp.fc1.weight",
            "text_model.encoder.layers.1.self_attn.v_proj.bias", "text_model.final_layer_norm.weight", "image_projection.0.weight",
            "image_projection.2.bias", "text_projection.0.weight", "text_projection.2.weight", "modality_head.weight", "modality_head.bias",
            "logit_scale", "vision_model.embeddings.patch_embedding.weight", "vision_model.encoder.layers.0.mlp.fc2.weight",
            "vision_model.post_layernorm.weight",
        ])
    func gradientsAreFiniteDifferences(name: String) async throws {
        let learner = try learner(batch: 4)
        let parameter = try #require(learner.parameters.first { $0.name == name })
        _ = try await learner.learn(update: 0, isolation: nil)
        let gradient = try #require(parameter.gradient).values
        let norm = Double(gradient.reduce(0) { $0 + $1 * $1 }).squareRoot()
        #expect(norm > 1e-5)
        let original = parameter.value.values
        // A step along the gradient that changes the loss by about 0.001 in all: far above rounding, small enough to be straight.
        let step = 5e-4 / norm
        func loss(_ sign: Double) async throws -> Double {
            for (index, value) in original.enumerated() {
                parameter.value.pointer[index] = Float(Double(value) + sign * step * Double(gradient[index]) / norm)
            }
            return try await learner.learn(update: 0, isolation: nil).loss
        }
        let (up, down) = (try await loss(1), try await loss(-1))
        let slope = (up - down) / (2 * step)
        #expect(abs(slope - norm) < 0.03 * norm, "\(name): \(slope) by differences, \(norm) by the backward pass")
    }

    @Test("the checkpoint has the tower as it was learnt, with the text tower and the heads beside it")
    func checkpointHasWhatWasLearnt() async throws {
        let learner = try learner()
        let optimiser = AdamW(learner.parameters)
        _ = try await learner.learn(update: 0, isolation: nil)
        optimiser.step(rate: 1e-2, context)
        let checkpoint = try learner.checkpoint()
        let beside = try #require(checkpoint.tensorFiles["text_tower.safetensors"])
        for parameter in learner.parameters {
            let source = parameter.name.hasPrefix("vision_model.") ? checkpoint.tower : beside
            #expect(try source.tensor(parameter.name).floats() == parameter.value.values, "\(parameter.name)")
        }
        let before = try CheckpointFolder(path: ModelFixture.stableLM.checkpoint.path)
        let name = "vision_model.embeddings.patch_embedding.weight"
        #expect(try checkpoint.tower.tensor(name).floats() != before.imageTower().source.tensor(name).floats())
        #expect(checkpoint.model.names == before.model.names)
    }
}
