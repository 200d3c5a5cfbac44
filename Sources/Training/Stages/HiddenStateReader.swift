import CKernels
import Datasets
import Language
import Tensors

/// Reads what the gates of mixture layers will see of labelled questions: mean hidden states.
struct HiddenStateReader {
    let model: LearnableModel
    let network: MultimodalNetwork
    let images: ImageStore
    let features: FeatureStore
    let sequences: SequenceMaker
    let layers: [Int]
    let domains: [String]

    /// Examples that go through the model at once.
    private let batch = 24

    /// - Parameter conversations: each with a modality that is one of the domains.
    func read(
        _ conversations: [Conversation], _ what: String, _ observer: any TrainingObserver,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> RouterLearner.Examples {
        let means = Rows(count: conversations.count * layers.count, width: model.configuration.hiddenSize)
        means.buffer.update(repeating: 0)
        for first in stride(from: 0, to: conversations.count, by: batch) {
            try Task.checkCancellation()
            let part = conversations[first..<min(conversations.count, first + batch)]
            let prompts = try part.map { conversation in
                try sequences.prompt(conversation, image: conversation.image.map { try images.number(of: $0) })
            }
            let packed = PackedBatch(prompts, rowsPerImage: model.rowsPerImage)
            let (input, _) = try network.embed(packed, try features.features(packed.images))
            try await network.language.observe(input, packed.layout) { layer, h in
                guard let place = layers.firstIndex(of: layer) else { return }
                for (index, rows) in packed.layout.sequences.enumerated() {
                    let mean = means.row((first + index) * layers.count + place)
                    for row in Array(0..<packed.layout.prefix) + Array(rows) { ck_add(mean, h.row(row), h.width) }
                    var factor = 1 / Float(packed.layout.prefix + rows.count)
                    ck_scale_rows(mean, &factor, 1, h.width)
                }
            }
            observer.prepared(what, done: first + part.count, total: conversations.count)
        }
        return RouterLearner.Examples(
            means: means, labels: conversations.map { domains.firstIndex(of: $0.modality ?? "") ?? 0 },
            images: conversations.map { $0.image ?? "" })
    }
}

extension BatchOrder {
    /// Some of the elements, drawn by a seed, in their order.
    static func drawn<Element>(_ elements: [Element], count: Int, seed: UInt64) -> [Element] {
        guard count < elements.count else { return elements }
        var random = SplitMix64(seed: seed)
        return Array(elements.indices).shuffled(using: &random).prefix(count).sorted().map { elements[$0] }
    }
}
