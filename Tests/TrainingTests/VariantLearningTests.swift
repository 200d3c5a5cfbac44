import Checkpoints
import Foundation
import ModelFixtures
import Tensors
import Testing

@testable import Training

/// Learning of the small models with unusual configurations, beside PyTorch's autograd and AdamW (`make_gradients.py`).
struct VariantLearningTests {
    static let names = [
        "phi-top2", "phi-grouped-tied", "phi-residual-mlp", "phi-llava-residual", "phi-llava", "phi-dense", "stablelm-residual-both",
        "stablelm-residual-meta", "stablelm-residual-mlp", "stablelm-llava", "stablelm-llava-residual", "stablelm-eight-tied",
        "stablelm-dense-tied",
    ]
    static let towers = ["phi-residual-mlp", "phi-llava", "stablelm-eight-tied"]

    @Test("two sequences of a batch give autograd's loss and gradients", arguments: names)
    func gradientsAreAutograds(name: String) async throws {
        let golden = try GoldenVariant(name)
        let (network, _) = try golden.network()
        for parameter in network.parameters { parameter.setLearns(true) }
        let batch = try golden.batch()
        let outcome = try await network.learn(batch, features: golden.features(), factor: 1 / Float(batch.targets.count))
        let expected = Double(try golden.floats("loss")[0])
        #expect(abs(outcome.loss / Double(outcome.targets) - expected) < 1e-5 * expected)
        let known = golden.source.names.filter { $0.hasPrefix("grad.") }.map { String($0.dropFirst(5)) }
        #expect(Set(network.parameters.map(\.name)) == Set(known))
        for parameter in network.parameters {
            let wanted = try golden.floats("grad.\(parameter.name)")
            // Where softmax's gradients cancel (biases of keys) only rounding is left on both sides.
            let scale = wanted.map(abs).max() ?? 0
            let error = relativeError(try #require(parameter.gradient).values, wanted)
            #expect(error <= 1e-4 || scale < 1e-7, "\(parameter.name): relative error \(error) at a scale of \(scale)")
        }
    }

    @Test("ten steps of AdamW follow PyTorch's losses", arguments: names)
    func lossesFollowPyTorch(name: String) async throws {
        let golden = try GoldenVariant(name)
        let (network, context) = try golden.network()
        for parameter in network.parameters { parameter.setLearns(true) }
        let optimiser = AdamW(network.parameters, settings: AdamW.Settings(beta2: 0.98, decay: 0.01))
        let rate = LearningRate(peak: 3e-3, steps: 10, warmUp: 0.2)
        let batch = try golden.batch()
        var worst = 0.0
        for (step, expected) in try golden.floats("curve").enumerated() {
            let outcome = try await network.learn(batch, features: golden.features(), factor: 1 / Float(batch.targets.count))
            let norm = optimiser.squaredGradientNorm(context).squareRoot()
            optimiser.step(rate: rate(step), scale: clippingFactor(norm: norm, limit: 1), context)
            let error = abs(outcome.loss / Double(outcome.targets) - Double(expected)) / Double(expected)
            worst = max(worst, error)
            #expect(error <= 1e-3, "step \(step)")
        }
        print("\(name): largest relative difference of ten losses \(worst)")
    }

    @Test("the tower's gradients are autograd's, for one image and for two", arguments: towers)
    func towerGradientsAreAutograds(name: String) throws {
        let golden = try GoldenVariant(name)
        for images in 1...2 {
            let tower = try golden.tower()
            for parameter in tower.parameters { parameter.setLearns(true) }
            let pixels = try golden.floats("pixels")
            let patches = Rows(count: images * tower.configuration.patchCount, width: 3 * 4 * 4)
            for image in 0..<images { tower.cut(pixels, into: patches, first: image * tower.configuration.patchCount) }
            let (output, kept) = tower.forward(patches)
            #expect(tower.output(of: patches).values == output.values)
            let one = try golden.floats("weighting")
            let weighting = try Rows(Tensor((0..<images).flatMap { _ in one }, shape: [output.count, output.width]))
            tower.backward(weighting, kept)
            for parameter in tower.parameters where !parameter.name.contains("post_layernorm") {
                let wanted = try golden.floats("tower.\(parameter.name)").map { $0 * Float(images) }
                let error = relativeError(try #require(parameter.gradient).values, wanted)
                #expect(error <= 1e-4 || parameter.name.hasSuffix("k_proj.bias"), "\(parameter.name): relative error \(error)")
            }
            // Blocks that are computed again give the same bits.
            let again = try golden.tower()
            again.recomputes = true
            for parameter in again.parameters { parameter.setLearns(true) }
            let (recomputed, inputs) = again.forward(patches)
            #expect(recomputed.values == output.values)
            again.backward(try Rows(Tensor((0..<images).flatMap { _ in one }, shape: [output.count, output.width])), inputs)
            #expect(again.parameters.map { $0.gradient?.values } == tower.parameters.map { $0.gradient?.values })
        }
    }
}

/// A case of `Variants/` and what PyTorch learnt with it.
struct GoldenVariant {
    let name: String
    let source: any TensorSource
    private let folder: URL

    init(_ name: String) throws {
        self.name = name
        source = try SafetensorsFile(path: fixture("\(name).gradients.safetensors").path)
        folder = ModelFixture.stableLM.folder.deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Variants/\(name)")
    }

    func floats(_ name: String) throws -> [Float] { try source.tensor(name).floats() }

    func features() throws -> Rows { try Rows(source.tensor("features")) }

    func batch() throws -> PackedBatch {
        let sequences = try (0..<2).map { index in
            TrainingSequence(
                tokens: try integers("tokens.\(index)"), image: 0, isTarget: try integers("targets.\(index)").map { $0 == 1 })
        }
        return PackedBatch(sequences, rowsPerImage: try features().count)
    }

    func network() throws -> (network: MultimodalNetwork, context: TrainingContext) {
        let context = TrainingContext(threads: 2)
        let checkpoint = try CheckpointFolder(path: folder.appending(path: "checkpoint").path)
        let configuration = try ModelConfiguration(contentsOf: folder.appending(path: "checkpoint/config.json"))
        return (try MultimodalNetwork(checkpoint.model, configuration: configuration, context), context)
    }

    func tower() throws -> TowerNetwork {
        let files = try CheckpointFolder(path: folder.appending(path: "checkpoint").path).imageTower()
        let configuration = try ImageTowerConfiguration(contentsOf: URL(filePath: #require(files.configPath)))
        return try TowerNetwork(files.source, configuration: configuration, TrainingContext(threads: 2))
    }

    private func integers(_ name: String) throws -> [Int] {
        try source.tensor(name).withUnsafeBytes { Array($0.bindMemory(to: Int64.self)).map { Int($0) } }
    }
}
