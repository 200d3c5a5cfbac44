import Checkpoints
import CKernels
import Datasets
import Imaging
import Tensors

/// The images of the data, each once: decoded and brought to the tower's square, normalised when they are used.
final class ImageStore {
    /// Paths below the folder of images.
    private(set) var paths: [String] = []
    private var numbers: [String: Int] = [:]
    private var squares: [[UInt8]] = []
    private let model: LearnableModel
    private let folder: ImageFolder
    /// Normalised value of each possible byte, per channel: 3 · 256.
    private let table: [Float]

    init(_ model: LearnableModel, folder: ImageFolder) {
        self.model = model
        self.folder = folder
        let configuration = model.preprocessor.configuration
        table = (0..<3).flatMap { channel in
            (0..<256).map { ImagePreprocessor.value(of: UInt8($0), channel: channel, configuration) }
        }
    }

    var count: Int { paths.count }

    /// The number of an image, which is decoded when it is new.
    ///
    /// - Throws: `ImageFolder.Failure` or `ImageError`, which name the file.
    func number(of path: String) throws -> Int {
        if let known = numbers[path] { return known }
        let image = try model.decoder.decode(folder.bytes(of: path), named: path)
        let square = try model.preprocessor.squared(image)
        guard square.width == model.towerConfiguration.imageSize else {
            throw ImageError.notEncoderInput(width: square.width, height: square.height)
        }
        squares.append(square.bytes)
        paths.append(path)
        numbers[path] = paths.count - 1
        return paths.count - 1
    }

    /// Patches of some images, `[images · patches, 3 · patch · patch]`, normalised.
    ///
    /// - Parameter augmentations: how each image is changed first; empty for not at all.
    func patches(
        _ images: [Int], tower: TowerNetwork, augmentations: [Augmentation] = [], _ context: TrainingContext
    ) -> Rows {
        let side = tower.configuration.imageSize
        let patch = tower.configuration.patchSize
        let count = tower.configuration.patchCount
        let rows = Rows(count: images.count * count, width: 3 * patch * patch)
        context.pool.forEach(images.count) { place in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * side * side) { pixels in
                guard let base = pixels.baseAddress else { return }
                squares[images[place]].withUnsafeBufferPointer { bytes in
                    if augmentations.indices.contains(place) {
                        augmentations[place].apply(to: bytes, side: side, target: base)
                        normalize(base, count: side * side)
                    } else {
                        for pixel in 0..<side * side {
                            for channel in 0..<3 { base[channel * side * side + pixel] = table[channel * 256 + Int(bytes[3 * pixel + channel])] }
                        }
                    }
                }
                tower.cut(base, into: rows, first: place * count)
            }
        }
        return rows
    }

    /// What the table does to bytes, to numbers from 0 to 255 between them.
    private func normalize(_ pixels: UnsafeMutablePointer<Float>, count: Int) {
        for channel in 0..<3 {
            let least = table[channel * 256]
            let step = (table[channel * 256 + 255] - least) / 255
            for index in channel * count..<(channel + 1) * count { pixels[index] = least + pixels[index] * step }
        }
    }
}

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
        let result = Rows(count: wanted.count * model.rowsPerImage, width: tower.configuration.hiddenSize)
        for (place, image) in wanted.enumerated() {
            let rows = known[image] ?? encoded(image)
            result.row(place * model.rowsPerImage).update(from: rows.pointer, count: rows.elementCount)
            if known.count < keeps { known[image] = rows }
        }
        return result
    }

    /// Features of one image. Always alone: the last bits of a matrix product depend on how many rows it has, and a run that goes on
    /// from a checkpoint meets the images in other company than one that never stopped.
    private func encoded(_ image: Int) -> Rows {
        let (hidden, _) = tower.forward(images.patches([image], tower: tower, context), layers: model.towerLayers)
        return hidden.slice(tower.rowsPerImage - model.rowsPerImage..<tower.rowsPerImage)
    }
}
