import Checkpoints
import CKernels
import Datasets
import Imaging
import Tensors

/// The images of the data, each once: decoded and brought to the tower's square, normalised when they are used. What does not fit in memory
/// is decoded again each time.
final class ImageStore {
    /// Paths below the folder of images.
    private(set) var paths: [String] = []
    private var numbers: [String: Int] = [:]
    private var squares: [Int: [UInt8]] = [:]
    private var room: Int
    private let model: LearnableModel
    private let folder: ImageFolder
    /// Normalised value of each possible byte, per channel: 3 · 256.
    private let table: [Float]

    /// - Parameter byteLimit: memory for decoded images.
    init(_ model: LearnableModel, folder: ImageFolder, byteLimit: Int = 4 << 30) {
        room = byteLimit
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
        let square = try decoded(path)
        let number = paths.count
        if square.count <= room {
            squares[number] = square
            room -= square.count
        }
        paths.append(path)
        numbers[path] = number
        return number
    }

    /// Bytes of an image's square, red, green and blue of each pixel.
    ///
    /// - Throws: `TrainingError.impossible` that names the file, when it is no longer what it was.
    func square(_ number: Int) throws -> [UInt8] {
        if let square = squares[number] { return square }
        do { return try decoded(paths[number]) } catch {
            throw TrainingError.impossible("\(error); it could be read when learning began: put it back, and the same command goes on from the last checkpoint")
        }
    }

    private func decoded(_ path: String) throws -> [UInt8] {
        let image = try model.decoder.decode(folder.bytes(of: path), named: path)
        let square = try model.preprocessor.squared(image)
        guard square.width == model.towerConfiguration.imageSize else {
            throw ImageError.notEncoderInput(width: square.width, height: square.height)
        }
        return square.bytes
    }

    /// Patches of some squares, `[squares · patches, 3 · patch · patch]`, normalised.
    ///
    /// - Parameter augmentations: how each image is changed first; empty for not at all.
    func patches(
        of squares: [[UInt8]], tower: TowerNetwork, augmentations: [Augmentation] = [], _ context: TrainingContext
    ) -> Rows {
        let side = tower.configuration.imageSize
        let patch = tower.configuration.patchSize
        let count = tower.configuration.patchCount
        let rows = Rows(count: squares.count * count, width: 3 * patch * patch)
        context.pool.forEach(squares.count) { place in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * side * side) { pixels in
                guard let base = pixels.baseAddress else { return }
                squares[place].withUnsafeBufferPointer { bytes in
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
