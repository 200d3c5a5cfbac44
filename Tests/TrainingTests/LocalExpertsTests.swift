import Checkpoints
import ModelFixtures
import Tensors
import Testing

@testable import Training

/// What experts keep between the forward pass and the backward pass.
struct LocalExpertsTests {
    /// One expert in layer 1.
    private func experts() throws -> LocalExperts {
        let network = try FeedForwardShape(.gated, hidden: 4, inner: 8).network { name, extents in
            let values: [Float] = (0..<extents.reduce(1, *)).map { Float($0 % 5) / 8 }
            return try Parameter(name: name, tensor: Tensor(values, shape: extents))
        }
        return LocalExperts([1: [0: network]], TrainingContext(threads: 1))
    }

    private func batch(_ count: Int) throws -> [ExpertRows] {
        let values: [Float] = (0..<count * 4).map { Float($0 % 7) - 3 }
        return [ExpertRows(expert: 0, rows: try Rows(Tensor(values, shape: [count, 4])))]
    }

    @Test("after a forward pass without a backward pass nothing is open, and a backward pass is an error")
    func nothingStaysOpen() throws {
        let experts = try experts()
        let kept = try experts.forward(layer: 1, batch(3), keeps: true)
        #expect(experts.openRows == [1: 3])
        // Also what was open before is gone.
        let passed = try experts.forward(layer: 1, batch(3), keeps: false)
        #expect(experts.openRows == [:])
        #expect(passed.map(\.values) == kept.map(\.values))
        let error = #expect(throws: TrainingError.self) { _ = try experts.backward(layer: 1, batch(3), needsInput: true) }
        #expect(error?.description.contains("expert 0 of layer 1 has no open forward pass") == true, "\(String(describing: error))")
    }

    @Test("a backward pass, with gradients or without any, ends what was open, once")
    func backwardEndsThePass() throws {
        let experts = try experts()
        for count in [3, 0] {
            _ = try experts.forward(layer: 1, batch(3), keeps: true)
            let gradients = try experts.backward(layer: 1, count == 0 ? [] : batch(count), needsInput: true)
            #expect(gradients.map(\.dots.count) == (count == 0 ? [] : [3]))
            #expect(experts.openRows == [:])
            #expect(throws: TrainingError.self) { _ = try experts.backward(layer: 1, batch(3), needsInput: true) }
        }
        _ = try experts.forward(layer: 1, batch(3), keeps: true)
        #expect(throws: TrainingError.self, "of other rows") { _ = try experts.backward(layer: 1, batch(2), needsInput: true) }
    }

    @Test("recomputed activations are open in one layer at a time, others in all; watching keeps none", arguments: [false, true])
    func networksKeepWhatTheyNeed(recomputes: Bool) async throws {
        let golden = try GoldenStep(.stableLM)
        let features = try golden.features()
        let (source, context) = try ModelFixture.stableLM.network()
        let watched = WatchedExperts(LocalExperts(source.language.localExperts, context))
        let folder = try CheckpointFolder(path: ModelFixture.stableLM.checkpoint.path)
        let network = try MultimodalNetwork(folder.model, configuration: ModelFixture.stableLM.configuration(), trainers: watched, context)
        for parameter in network.parameters { parameter.setLearns(true) }
        network.recomputes = recomputes
        let batch = PackedBatch([try golden.sequence()], rowsPerImage: features.count)
        let layers = try #require(network.configuration.mixture).layers.count
        #expect(layers > 1)

        let (input, _) = try network.embed(batch, features)
        try await network.language.observe(input, batch.layout) { _, _ in }
        #expect(watched.forwards == layers && watched.mostOpen == 0)

        _ = try await network.learn(batch, features: features, factor: 1)
        #expect(watched.forwards == layers * (recomputes ? 3 : 2))
        #expect(watched.mostOpen == (recomputes ? 1 : layers) && watched.isEmpty)
    }
}

/// Experts in this process that write down what was open at most.
private final class WatchedExperts: ExpertTrainers {
    private let experts: LocalExperts
    private(set) var forwards = 0
    /// Layers.
    private(set) var mostOpen = 0

    init(_ experts: LocalExperts) { self.experts = experts }

    var isEmpty: Bool { experts.openRows.isEmpty }

    func submitForward(layer: Int, _ batches: [ExpertRows], keeps: Bool) throws {
        forwards += 1
        experts.submitForward(layer: layer, batches, keeps: keeps)
    }

    func outputs(layer: Int, isolation: isolated (any Actor)?) async throws -> [Rows] {
        let outputs = try await experts.outputs(layer: layer, isolation: isolation)
        mostOpen = max(mostOpen, experts.openRows.count)
        return outputs
    }

    func submitBackward(layer: Int, _ gradients: [ExpertRows], needsInput: Bool) throws {
        experts.submitBackward(layer: layer, gradients, needsInput: needsInput)
    }

    func gradients(layer: Int, isolation: isolated (any Actor)?) async throws -> [ExpertGradient] {
        try await experts.gradients(layer: layer, isolation: isolation)
    }
}
