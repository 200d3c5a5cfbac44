import Checkpoints
import Foundation
import ModelFixtures
import Tensors
import Testing

@testable import Training

/// Dense models that become mixtures.
struct UpcyclingTests {
    static let dense = ["stablelm-dense-tied", "phi-dense"]
    private let shape = MixtureShape(mode: .sparse, domains: ["CT", "MRI", "X-Ray"], topK: 2, hasMeta: true)

    private func folder(_ name: String) throws -> CheckpointFolder {
        let variants = ModelFixture.stableLM.folder.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Variants")
        return try CheckpointFolder(path: variants.appending(path: "\(name)/checkpoint").path)
    }

    private func configuration(_ config: JSONValue) throws -> ModelConfiguration {
        try ModelConfiguration(data: Data(config.rendered.utf8), file: "config.json")
    }

    /// A router of 16 hidden numbers that always chooses the first expert, with g = 1.
    private func certainRouter(_ experts: Int) throws -> (weight: Tensor, bias: Tensor) {
        let bias = [Float(200)] + Array(repeating: Float(0), count: experts - 1)
        return (try Tensor(Array(repeating: Float(0), count: experts * 16), shape: [experts, 16]), try Tensor(bias, shape: [experts]))
    }

    @Test("which layers become mixtures")
    func layersOfModes() {
        #expect(MixtureShape.Mode.sparse.layers(of: 5) == [0, 2, 4] && MixtureShape.Mode.dense.layers(of: 3) == [0, 1, 2])
        #expect(MixtureShape.Mode.firstHalf.layers(of: 5) == [0, 1] && MixtureShape.Mode.secondHalf.layers(of: 5) == [2, 3, 4])
    }

    @Test("experts and meta experts are copies of the FFN, gates of the router, the rest stays", arguments: dense)
    func expertsAreCopies(name: String) throws {
        let base = try folder(name).model
        let router = try certainRouter(3)
        let tensors = try UpcycledTensors(base, layers: [0], shape: shape, router: router)
        let network = "model.layers.0.mlp."
        let own = base.names.filter { $0.hasPrefix(network) }
        #expect(!own.isEmpty)
        for place in (0..<3).map({ "\(network)deepspeed_moe.experts.deepspeed_experts.\($0)." }) + ["\(network)meta_moe."] {
            for name in own {
                let copy = place + name.dropFirst(network.count)
                #expect(tensors.names.contains(copy))
                #expect(try tensors.tensor(copy).floats() == base.tensor(name).floats())
                #expect(tensors.descriptor(copy) == base.descriptor(name))
            }
        }
        #expect(try tensors.tensor("\(network)deepspeed_moe.gate.wg.weight").floats() == router.weight.floats())
        #expect(try tensors.tensor("\(network)deepspeed_moe.gate.wg.bias").floats() == router.bias.floats())
        #expect(Set(base.names).subtracting(tensors.names) == Set(own))
        #expect(tensors.names.count == base.names.count - own.count + 4 * own.count + 2)
        #expect(tensors.names == tensors.names.sorted())
    }

    @Test("the configuration is read back as it was meant", arguments: dense)
    func configurationIsReadBack(name: String) throws {
        let config = try folder(name).config.upcycled(layers: [0, 1], shape: shape)
        // The class of the public code that reads it.
        #expect(config["architectures"] == .array([.string(name.contains("phi") ? "EvalMoELLaVAPhiForCausalLM" : "EvalMoELLaVAStablelmForCausalLM")]))
        let mixture = try #require(try configuration(config).mixture)
        #expect(mixture.layers == [0, 1] && mixture.expertCounts == [3, 3] && mixture.topK == 2 && !mixture.usesResidual)
        #expect(mixture.domains == ["CT", "MRI", "X-Ray"])
    }

    @Test("before learning, a gate that is certain computes what the dense model computes", arguments: dense)
    func certainGatesComputeTheDenseModel(name: String) async throws {
        let golden = try GoldenVariant(name)
        let (network, context) = try golden.network()
        let batch = try golden.batch()
        let expected = try await network.learn(batch, features: golden.features(), factor: 1)
        let folder = try folder(name)
        var shape = MixtureShape(mode: .dense, domains: ["CT", "MRI"], topK: 1, hasMeta: false)
        func loss() async throws -> Double {
            let layers = shape.mode.layers(of: network.configuration.layerCount)
            let upcycled = try MultimodalNetwork(
                try UpcycledTensors(folder.model, layers: layers, shape: shape, router: try certainRouter(2)),
                configuration: try configuration(folder.config.upcycled(layers: layers, shape: shape)), context)
            return try await upcycled.learn(batch, features: golden.features(), factor: 1).loss
        }
        #expect(abs(try await loss() - expected.loss) <= 1e-6 * expected.loss)
        // With a meta expert beside them the FFN counts twice: y = g·E + M.
        shape.hasMeta = true
        #expect(abs(try await loss() - expected.loss) > 1e-4 * expected.loss)
    }

    @Test("a layer without an FFN is named")
    func missingNetworksAreNamed() throws {
        let router = try certainRouter(3)
        let error = #expect(throws: CheckpointError.self) {
            _ = try UpcycledTensors(try folder("phi-dense").model, layers: [7], shape: shape, router: router)
        }
        #expect(error?.description.contains("model.layers.7.mlp.") == true)
    }
}
