import ModelFixtures
import Tensors
import Testing

@testable import Training

/// The public code's own training step, computed there in float64.
struct GradientParityTests {
    static let models: [ModelFixture] = [.stableLM, .phi]

    @Test("loss and every gradient of a training step are the public code's", arguments: models)
    func everyGradientIsThePublicCodes(model: ModelFixture) async throws {
        let golden = try GoldenStep(model)
        let (network, _) = try model.network()
        for parameter in network.parameters { parameter.setLearns(true) }
        let batch = PackedBatch([try golden.sequence()], rowsPerImage: try golden.features().count)
        let outcome = try await network.learn(batch, features: golden.features(), factor: 1 / Float(batch.targets.count))
        #expect(abs(outcome.loss / Double(outcome.targets) - (try golden.loss())) < 1e-5 * (try golden.loss()))
        let expected = try golden.gradients()
        #expect(Set(network.parameters.map(\.name)) == Set(expected.keys))
        var worst = 0.0
        for parameter in network.parameters {
            let gradient = try #require(parameter.gradient)
            let wanted = try #require(expected[parameter.name])
            let error = relativeError(gradient.values, wanted)
            worst = max(worst, error)
            #expect(error <= 1e-4, "\(parameter.name): relative error \(error)")
        }
        print("\(model.rawValue): \(expected.count) gradients, largest relative error \(worst)")
    }

    @Test("recomputed activations give the same gradients, bit for bit", arguments: models)
    func recomputationChangesNothing(model: ModelFixture) async throws {
        let kept = try await gradients(model) { _ in }
        let again = try await gradients(model) { $0.recomputes = true }
        #expect(kept == again)
    }

    @Test("the number of threads changes no bit")
    func threadsChangeNothing() async throws {
        #expect(try await gradients(.stableLM, threads: 1) == gradients(.stableLM, threads: 3))
    }

    @Test("a beginning that sequences share gives the gradients of sequences alone", arguments: models)
    func sharedPrefixesAreExact(model: ModelFixture) async throws {
        let golden = try GoldenStep(model)
        let one = try golden.sequence()
        var other = one
        other.tokens.removeSubrange(52..<58)
        other.isTarget.removeSubrange(52..<58)
        var gradients: [[[Float]]] = []
        var rows: [Int] = []
        for sharing in [false, true] {
            let (network, _) = try model.network()
            for parameter in network.parameters { parameter.setLearns(true) }
            let batch = PackedBatch([one, other, one], rowsPerImage: try golden.features().count, sharesPrefix: sharing)
            rows.append(batch.layout.rows)
            _ = try await network.learn(batch, features: golden.features(), factor: 0.1)
            gradients.append(network.parameters.map { $0.gradient?.values ?? [] })
        }
        #expect(rows[1] == rows[0] - 2 * 49)
        for (alone, shared) in zip(gradients[0], gradients[1]) { #expect(relativeError(shared, alone) < 2e-5) }
    }

    private func gradients(
        _ model: ModelFixture, threads: Int = 2, _ prepare: (MultimodalNetwork) -> Void = { _ in }
    ) async throws -> [[Float]] {
        let golden = try GoldenStep(model)
        let (network, _) = try model.network(threads: threads)
        for parameter in network.parameters { parameter.setLearns(true) }
        prepare(network)
        let batch = PackedBatch([try golden.sequence()], rowsPerImage: try golden.features().count)
        _ = try await network.learn(batch, features: golden.features(), factor: 1)
        return network.parameters.map { $0.gradient?.values ?? [] }
    }
}
