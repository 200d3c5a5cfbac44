import Tensors

/// Features that the frozen tower makes of the images, kept while they fit.
final class FeatureStore {
    private let images: ImageStore
    private let tower: TowerNetwork
    private let model: LearnableModel
    private let context: TrainingContext
    private var known: [Int: Rows] = [:]
    private let keeps: Int

    /// - Parameter byteLimit: memory for kept features; images beyond it go through the tower each time.
    init(_ images: ImageStore, tower: TowerNetwork, model: LearnableModel, byteLimit: Int, _ context: TrainingContext) {
        self.images = images
        self.tower = tower
        self.model = model
        self.context = context
        keeps = byteLimit / max(1, model.rowsPerImage * tower.configuration.hiddenSize * MemoryLayout<Float>.size)
    }

    /// Features of some images, `[images · rowsPerImage, tower width]`; nil for none.
    func features(_ wanted: [Int]) -> Rows? {
        guard !wanted.isEmpty else { return nil }
        let new = Set(wanted).subtracting(known.keys).sorted()
        let made = Dictionary(uniqueKeysWithValues: zip(new, eachAlone(new)))
        let result = Rows(count: wanted.count * model.rowsPerImage, width: tower.configuration.hiddenSize)
        for (place, image) in wanted.enumerated() {
            guard let rows = known[image] ?? made[image] else { continue }
            result.row(place * model.rowsPerImage).update(from: rows.pointer, count: rows.elementCount)
        }
        for image in new.prefix(max(0, keeps - known.count)) { known[image] = made[image] }
        return result
    }

    /// Features of images that are changed first, `[images · rowsPerImage, tower width]`; nil for none. They are not kept: no two draws
    /// are alike.
    ///
    /// - Parameter augmentations: one for each image.
    func features(_ wanted: [Int], augmentations: [Augmentation]) -> Rows? {
        wanted.isEmpty ? nil : encoded(wanted, augmentations: augmentations, context)
    }

    /// Features of images, each through the tower alone: the last bits of a matrix product depend on how many rows it has, and a run that
    /// goes on from a checkpoint meets the images in other company than one that never stopped. Each thread takes an image at a time, as
    /// products of so few rows are not worth sharing.
    private func eachAlone(_ wanted: [Int]) -> [Rows] {
        let contexts = wanted.map { _ in TrainingContext(threads: 1) }
        var results: [Rows?] = wanted.map { _ in nil }
        results.withUnsafeMutableBufferPointer { results in
            context.pool.forEach(wanted.count) { results[$0] = encoded([wanted[$0]], contexts[$0]) }
        }
        context.count(contexts)
        return results.compactMap { $0 }
    }

    private func encoded(_ wanted: [Int], augmentations: [Augmentation] = [], _ context: TrainingContext) -> Rows {
        let patches = images.patches(wanted, tower: tower, augmentations: augmentations, context)
        let hidden = tower.forward(patches, layers: model.towerLayers, on: context).output
        let result = Rows(count: wanted.count * model.rowsPerImage, width: hidden.width)
        // Where the configuration says so, an image's first row, its class token, is no feature.
        let left = tower.rowsPerImage - model.rowsPerImage
        for place in wanted.indices {
            result.row(place * model.rowsPerImage).update(
                from: hidden.row(place * tower.rowsPerImage + left), count: model.rowsPerImage * hidden.width)
        }
        return result
    }
}
