import Checkpoints
import Foundation
import ModelFixtures
import Tensors
import Testing

@testable import Training

/// The pre-training of the gate, on made-up hidden states.
struct RouterLearnerTests {
    private let context = TrainingContext(threads: 1)
    private let domains = ["CT", "MRI", "X-Ray"]

    /// Hidden states of two layers, 64 wide: noise, and a mark of the label in one place. Two examples an image.
    private func examples(_ labels: [Int], marks: [Int]? = nil, seed: UInt64 = 5) -> RouterLearner.Examples {
        var random = SeededNumbers(seed: seed)
        let means = Rows(count: labels.count * 2, width: 64)
        for row in 0..<means.count {
            for column in 0..<64 { means.row(row)[column] = Float(random.next()) * 0.3 }
            means.row(row)[10 + (marks ?? labels)[row / 2]] += 2
        }
        return .init(means: means, labels: labels, images: labels.indices.map { "image\($0 / 2)" })
    }

    private func learner(_ examples: RouterLearner.Examples, batch: Int = 8) throws -> RouterLearner {
        let model = try LearnableModel(folder: CheckpointFolder(path: ModelFixture.stableLM.checkpoint.path))
        var settings = StageSettings(.router)
        settings.batch = batch
        return RouterLearner(model, examples: examples, layers: 2, domains: 3, settings: settings, context)
    }

    /// Learnt from 60 examples for twenty epochs.
    private func learnt() async throws -> (learner: RouterLearner, losses: [Double]) {
        let learner = try learner(examples((0..<60).map { $0 / 2 % 3 }))
        let optimiser = AdamW(learner.parameters)
        var losses: [Double] = []
        for update in 0..<20 * learner.updatesPerEpoch {
            losses.append(try await learner.learn(update: update, isolation: nil).loss)
            optimiser.step(rate: 2e-2, context)
        }
        return (learner, losses)
    }

    @Test("data that can be told apart is told apart, and every count of the report is right")
    func separableDataIsLearnt() async throws {
        let (learner, losses) = try await learnt()
        // Both layers, three domains, without knowledge.
        #expect(abs(losses[0] - 2 * log(3.0)) < 0.7 && (losses.last ?? 1) < 0.1, "\(losses[0]) … \(losses.last ?? .nan)")
        // Twelve questions about six images; what the marks say differs from the labels of one image, and of one question of another.
        let labels = [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]
        var marks = labels
        (marks[2], marks[3]) = (0, 0)
        let report = learner.measure(examples(labels, marks: marks, seed: 6), layers: [0, 2], domains: domains)
        #expect(report.examples == 12 && report.correct == 10 && report.correctByLayer == [10, 10])
        #expect(report.images == 6 && report.correctImages == 5 && abs(report.accuracy - 5.0 / 6) < 1e-12)
        #expect(report.confusion == [[2, 0, 0], [1, 1, 0], [0, 0, 2]])
        #expect(report.domains == domains && report.layers == [0, 2])
        let none = learner.measure(examples([]), layers: [0, 2], domains: domains)
        #expect(none.accuracy == 0 && none.images == 0)
    }

    @Test("a batch gives the gradient of its loss: the mean over examples of the sum over layers")
    func gradientIsThatOfTheLoss() async throws {
        let learner = try learner(examples([0, 1, 2, 2]), batch: 4)
        _ = try await learner.learn(update: 0, isolation: nil)
        // Before further batches add theirs.
        let gradients = learner.parameters.map { $0.gradient?.values ?? [] }
        for (parameter, gradient) in zip(learner.parameters, gradients) {
            let norm = Double(gradient.reduce(0) { $0 + $1 * $1 }).squareRoot()
            let original = parameter.value.values
            func loss(_ sign: Double) async throws -> Double {
                for (index, value) in original.enumerated() {
                    parameter.value.pointer[index] = Float(Double(value) + sign * 2e-3 / norm * Double(gradient[index]) / norm)
                }
                return try await learner.learn(update: 0, isolation: nil).loss
            }
            let slope = (try await loss(1) - loss(-1)) / (4e-3 / norm)
            for (index, value) in original.enumerated() { parameter.value.pointer[index] = value }
            #expect(abs(slope - norm) < 0.01 * norm, "\(parameter.name): \(slope), \(norm)")
        }
    }

    @Test("the router is saved as the authors publish theirs, and read back")
    func routerIsSavedAsPublished() async throws {
        let (learner, _) = try await learnt()
        let source = try #require(learner.checkpoint().tensorFiles["router.safetensors"])
        let path = FileManager.default.temporaryDirectory.appending(path: "router-\(UUID().uuidString).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try SafetensorsWriter.write(source, to: path)
        let (weight, bias) = try PretrainedRouter.read(path, domains: 3, hidden: 64)
        #expect(try weight.floats() == learner.parameters[0].value.values && bias.floats() == learner.parameters[1].value.values)
        let error = #expect(throws: CheckpointError.self) { try PretrainedRouter.read(path, domains: 4, hidden: 64) }
        #expect(error?.description.contains(path) == true && error?.description.contains("fc1.weight") == true)
        let published = try PretrainedRouter.read(PublishedRouter.stableLM.file.path, domains: 4, hidden: 2048)
        #expect(published.weight.shape == [4, 2048] && published.bias.shape == [4])
    }
}
