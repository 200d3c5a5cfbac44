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
