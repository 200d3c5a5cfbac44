import Language
import MedMoE

/// Questions put together from a seed: a modality by weight, one of its images, and some words.
public struct DrawnQuestions: Sendable {
    /// A kind of image, named as people name it: the name is part of the question, which is what routers look at.
    public struct Modality: Sendable {
        public var name: String
        /// Beside the other weights.
        public var weight: Double
        /// Encoded files; empty for questions without an image.
        public var images: [[UInt8]]

        public init(name: String, weight: Double, images: [[UInt8]]) {
            self.name = name
            self.weight = weight
            self.images = images
        }
    }

    private let modalities: [Modality]
    private let words: ClosedRange<Int>

    /// - Parameters:
    ///   - modalities: at least one with a weight above 0.
    ///   - words: how long a question is.
    public init(modalities: [Modality], words: ClosedRange<Int> = 4...24) {
        self.modalities = modalities.filter { $0.weight > 0 }
        self.words = words
    }

    func question(_ generator: inout SplitMix64) -> RequestMix.Listed {
        let modality = pick(&generator)
        let count = Int.random(in: words, using: &generator)
        let filling = (0..<max(0, count - 4)).map { _ in
            DrawnQuestions.vocabulary[Int.random(in: DrawnQuestions.vocabulary.indices, using: &generator)]
        }
        let name = modality.map { " \($0.name)" } ?? ""
        let text = (["In this\(name) image,"] + filling).joined(separator: " ") + " what is shown?"
        guard let images = modality?.images, !images.isEmpty else { return RequestMix.Listed(turns: [.init(.user, text)], images: []) }
        return RequestMix.Listed(
            turns: [.init(.user, text)], images: [images[Int.random(in: images.indices, using: &generator)]])
    }

    private func pick(_ generator: inout SplitMix64) -> Modality? {
        var left = generator.nextUnit() * modalities.reduce(0) { $0 + $1.weight }
        for modality in modalities {
            left -= modality.weight
            if left < 0 { return modality }
        }
        return modalities.last
    }

    private static let vocabulary = [
        "the", "left", "right", "upper", "lower", "lung", "heart", "liver", "kidney", "brain", "bone", "near", "beside", "lesion", "mass",
        "fluid", "nodule", "is", "there", "a", "dark", "bright", "area", "and", "of", "or", "wall", "vessel", "region", "with", "contrast",
        "normal", "enlarged", "small", "tissue", "cells",
    ]
}
