import Checkpoints
import Foundation
import ModelFixtures
import Tensors

@testable import Training

/// A file of this target's `Fixtures` folder.
func fixture(_ name: String) -> URL { Bundle.module.bundleURL.appending(path: "Fixtures/\(name)") }

/// One training step that the public code computed in float64.
struct GoldenStep {
    let source: any TensorSource

    init(_ model: ModelFixture) throws { source = try SafetensorsFile(path: fixture("\(model.rawValue).train.safetensors").path) }

    /// Tower features of the image, `[patches, width]`.
    func features() throws -> Rows { try Rows(source.tensor("image_features")) }

    func loss() throws -> Double { Double(try source.tensor("train.loss").floats()[0]) }

    func sequence() throws -> TrainingSequence {
        let tokens = try integers("train.input_ids")
        let labels = try integers("train.labels")
        return TrainingSequence(tokens: tokens, image: 0, isTarget: labels.map { $0 != -100 })
    }

    /// Gradients by parameter name.
    func gradients() throws -> [String: [Float]] {
        let prefix = "train.grad."
        return try Dictionary(
            uniqueKeysWithValues: source.names.filter { $0.hasPrefix(prefix) }
                .map { (String($0.dropFirst(prefix.count)), try source.tensor($0).floats()) })
    }

    private func integers(_ name: String) throws -> [Int] {
        try source.tensor(name).withUnsafeBytes { Array($0.bindMemory(to: Int64.self)).map { Int($0) } }
    }
}

extension ModelFixture {
    func configuration() throws -> ModelConfiguration {
        try ModelConfiguration(contentsOf: checkpoint.appending(path: "config.json"))
    }

    /// The fixture's model, ready to learn, in `threads` threads.
    func network(threads: Int = 2) throws -> (network: MultimodalNetwork, context: TrainingContext) {
        let context = TrainingContext(threads: threads)
        let folder = try CheckpointFolder(path: checkpoint.path)
        return (try MultimodalNetwork(folder.model, configuration: configuration(), context), context)
    }
}
