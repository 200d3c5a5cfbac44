import Datasets

/// Small images with labels from a `.npz` file, as the MedMNIST collection has them: `SPLIT_images` and `SPLIT_labels`.
public struct ArrayImages: Sendable {
    /// Sides that an image may have, in pixels.
    public static let sideLimit = 1024

    /// What reports call the set.
    public let name: String
    /// The names of the classes; a label is a place in this list.
    public let classes: [String]
    /// The class of each image.
    public let labels: [Int]
    public let width: Int
    public let height: Int
    /// 1 for grey, 3 for RGB.
    public let channels: Int
    private let pixels: [UInt8]

    /// Reads the images and labels of one split.
    ///
    /// - Parameters:
    ///   - limit: how many to take from the start; nil for all.
    /// - Throws: `ArrayFileError`, or `EvaluationError` when images and labels do not belong together.
    public init(path: String, name: String, split: String, classes: [String], limit: Int? = nil) throws {
        func failure(_ array: String, _ problem: String) -> EvaluationError {
            EvaluationError(description: "\(path): the array '\(split)_\(array)' \(problem)")
        }
        let file = try NPZFile(path: path)
        let images = try file.array("\(split)_images")
        let labels = try file.array("\(split)_labels")
        guard case .uint8(let pixels) = images.elements else { throw failure("images", "is not of type uint8; images have values from 0 to 255") }
        let shape = images.shape
        guard shape.count == 3 || (shape.count == 4 && shape[3] == 3), shape.allSatisfy({ $0 > 0 }), shape[1] <= Self.sideLimit, shape[2] <= Self.sideLimit
        else {
            throw failure("images", "has the shape \(shape); expected [n, height, width] or [n, height, width, 3] with sides of at most \(Self.sideLimit)")
        }
        guard labels.shape == [shape[0]] || labels.shape == [shape[0], 1], let values = labels.integers else {
            throw failure("labels", "has the shape \(labels.shape); expected one whole number for each of \(shape[0]) images")
        }
        if let odd = values.firstIndex(where: { !classes.indices.contains($0) }) {
            throw failure("labels", "says class \(values[odd]) of image \(odd), but there are \(classes.count) class names; name all classes")
        }
        self.name = name
        self.classes = classes
        self.labels = Array(values.prefix(limit ?? values.count))
        height = shape[1]
        width = shape[2]
        channels = shape.count == 4 ? 3 : 1
        self.pixels = pixels
    }

    /// How many images there are.
    public var count: Int { labels.count }

    /// One image as a PNG file, without loss: it goes the way of every image from there.
    public func file(at index: Int) throws(PNGEncodingError) -> [UInt8] {
        let size = width * height * channels
        return try PNGEncoding.file(Array(pixels[(index * size)..<((index + 1) * size)]), width: width, height: height, channels: channels)
    }
}
