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
    ///
    /// Each image goes through the tower alone: the last bits of a matrix product depend on how many rows it has, and a run that goes on
    /// from a checkpoint meets the images in other company than one that never stopped. Each thread takes an image at a time, as products
    /// of so few rows are not worth sharing.
    func features(_ wanted: [Int]) -> Rows? {
        guard !wanted.isEmpty else { return nil }
        let places = Dictionary(grouping: wanted.indices) { wanted[$0] }.sorted { $0.key < $1.key }
        let contexts = places.map { _ in TrainingContext(threads: 1) }
        let result = Rows(count: wanted.count * model.rowsPerImage, width: tower.configuration.hiddenSize)
        context.pool.forEach(places.count) { index in
            let (image, itsPlaces) = places[index]
            let rows = known[image] ?? encoded([image], contexts[index])
            for place in itsPlaces {
                result.row(place * model.rowsPerImage).update(from: rows.pointer, count: rows.elementCount)
            }
        }
        context.count(contexts)
        for (image, itsPlaces) in places where known[image] == nil && known.count < keeps {
            let first = itsPlaces[0] * model.rowsPerImage
            known[image] = result.slice(first..<first + model.rowsPerImage)
        }
        return result
    }

    /// Features of images that are changed first, `[images · rowsPerImage, tower width]`; nil for none. They are not kept: no two draws
    /// are alike.
    ///
    /// - Parameter augmentations: one for each image.
    func features(_ wanted: [Int], augmentations: [Augmentation]) -> Rows? {
        wanted.isEmpty ? nil : encoded(wanted, augmentations: augmentations, context)
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
