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
    /// - Throws: what reading an image throws that memory did not hold.
    func features(_ wanted: [Int]) throws -> Rows? {
        guard !wanted.isEmpty else { return nil }
        let result = Rows(count: wanted.count * model.rowsPerImage, width: tower.configuration.hiddenSize)
        let places = Dictionary(grouping: wanted.indices) { wanted[$0] }
        for (image, itsPlaces) in places {
            if let rows = known[image] { put(rows, into: result, at: itsPlaces) }
        }
        let new = places.keys.filter { known[$0] == nil }.sorted()
        encode(try new.map(images.square)) { index, rows in put(rows, into: result, at: places[new[index]] ?? []) }
        for image in new where known.count < keeps {
            let first = (places[image]?.first ?? 0) * model.rowsPerImage
            known[image] = result.slice(first..<first + model.rowsPerImage)
        }
        return result
    }

    /// Features of images that are changed first, `[images · rowsPerImage, tower width]`; nil for none. They are not kept: no two draws
    /// are alike.
    ///
    /// - Parameter augmentations: one for each image.
    /// - Throws: what reading an image throws that memory did not hold.
    func features(_ wanted: [Int], augmentations: [Augmentation]) throws -> Rows? {
        guard !wanted.isEmpty else { return nil }
        let result = Rows(count: wanted.count * model.rowsPerImage, width: tower.configuration.hiddenSize)
        encode(try wanted.map(images.square), augmentations: augmentations) { index, rows in put(rows, into: result, at: [index]) }
        return result
    }

    private func put(_ rows: Rows, into result: Rows, at places: [Int]) {
        for place in places { result.row(place * model.rowsPerImage).update(from: rows.pointer, count: rows.elementCount) }
    }

    /// Makes features of images, each through the tower alone: the last bits of a matrix product depend on how many rows it has, and a run
    /// that goes on from a checkpoint meets the images in other company than one that never stopped. Each thread takes an image at a time,
    /// as products of so few rows are not worth sharing.
    private func encode(_ squares: [[UInt8]], augmentations: [Augmentation] = [], _ body: (_ index: Int, _ features: Rows) -> Void) {
        let contexts = squares.map { _ in TrainingContext(threads: 1) }
        // Where the configuration says so, an image's first row, its class token, is no feature.
        let rows = tower.rowsPerImage - model.rowsPerImage..<tower.rowsPerImage
        context.pool.forEach(squares.count) { index in
            let change = augmentations.indices.contains(index) ? [augmentations[index]] : []
            let patches = images.patches(of: [squares[index]], tower: tower, augmentations: change, contexts[index])
            body(index, tower.output(of: patches, layers: model.towerLayers, on: contexts[index]).slice(rows))
        }
        context.count(contexts)
    }
}
