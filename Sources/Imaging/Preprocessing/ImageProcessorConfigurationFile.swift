import Foundation

extension ImageProcessorConfiguration {
    /// Largest `preprocessor_config.json` that is read, in bytes.
    private static let maximumFileBytes = 1 << 20

    /// Reads the content of a `preprocessor_config.json`.
    ///
    /// Both generations of the format are understood (`"size": 336` and `"size": {"shortest_edge": 336}`). A missing field has the value of
    /// CLIP ViT-L/14-336, except that of `size` and `crop_size` a single one given stands for both. Unknown fields are ignored.
    ///
    /// - Parameter name: how error messages call the file.
    /// - Throws: `ImageError.configuration` for anything that cannot be followed exactly, e.g. another filter than bicubic.
    public init(json: [UInt8], named name: String) throws(ImageError) {
        func wrong(_ field: String, _ reason: String) -> ImageError { .configuration(file: name, field: field, reason: reason) }

        guard json.count <= Self.maximumFileBytes else {
            throw wrong("(whole file)", "\(json.count) bytes are too many, at most \(Self.maximumFileBytes) are read")
        }
        let fields: Fields
        do {
            fields = try JSONDecoder().decode(Fields.self, from: Data(json))
        } catch let DecodingError.typeMismatch(_, context), let DecodingError.valueNotFound(_, context) {
            throw wrong(context.codingPath.map(\.stringValue).joined(separator: "."), context.debugDescription)
        } catch {
            throw wrong("(whole file)", "not a JSON object: \(error)")
        }

        if let filter = fields.resample, filter != Fields.bicubic {
            throw wrong("resample", "filter \(filter) is not available, only \(Fields.bicubic) (bicubic)")
        }
        if fields.padsToSize == true {
            throw wrong("do_pad", "padding to a size is not available")
        }
        let size = try fields.size.map { value throws(ImageError) in try value.shortestEdge(field: "size", wrong: wrong) }
        let crop = try fields.cropSize.map { value throws(ImageError) in try value.square(field: "crop_size", wrong: wrong) }
        let defaults = Self.clipViTLarge14At336
        let mean = try Self.channels(fields.mean, or: Self.clipMean, field: "image_mean", wrong: wrong) { abs($0) <= 1_000 }
        let deviation = try Self.channels(fields.standardDeviation, or: Self.clipStandardDeviation, field: "image_std", wrong: wrong) {
            // Also after rounding to float32 it must be a divisor.
            $0 >= 1e-6 && $0 <= 1_000
        }
        let factor = fields.rescaleFactor ?? 1.0 / 255.0
        guard factor.isFinite, abs(factor) <= 1_000 else { throw wrong("rescale_factor", "\(factor) is not a usable factor") }

        self.init(
            shortestEdge: fields.resizes == false ? nil : size ?? crop ?? defaults.shortestEdge,
            cropSide: fields.crops == false ? nil : crop ?? size ?? defaults.cropSide,
            rescaleFactor: fields.rescales == false ? nil : factor,
            imageMean: mean,
            normaliseBy: fields.normalises == false ? nil : deviation)
    }

    private static func channels(
        _ values: [Double]?, or defaults: [Double], field: String, wrong: (String, String) -> ImageError, isUsable: (Double) -> Bool
    ) throws(ImageError) -> [Double] {
        guard let values else { return defaults }
        guard values.count == 3, values.allSatisfy(isUsable) else {
            throw wrong(field, "\(values.prefix(4)) are not three usable numbers, one for each of red, green and blue")
        }
        return values
    }
}

/// The fields of the file, as they are written.
private struct Fields: Decodable {
    /// Pillow's number of the filter.
    static let bicubic = 3

    let size: Size?
    let cropSize: Size?
    let mean: [Double]?
    let standardDeviation: [Double]?
    let rescaleFactor: Double?
    let resample: Int?
    let resizes: Bool?
    let crops: Bool?
    let rescales: Bool?
    let normalises: Bool?
    let padsToSize: Bool?

    enum CodingKeys: String, CodingKey {
        case size, resample
        case cropSize = "crop_size"
        case mean = "image_mean"
        case standardDeviation = "image_std"
        case rescaleFactor = "rescale_factor"
        case resizes = "do_resize"
        case crops = "do_center_crop"
        case rescales = "do_rescale"
        case normalises = "do_normalize"
        case padsToSize = "do_pad"
    }
}

/// A size: a bare number, or an object of named edges.
private enum Size: Decodable {
    case number(Int)
    case edges([String: Int])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
            self = .number(number)
        } else {
            // Some writers list unused edges as null.
            self = .edges(try container.decode([String: Int?].self).compactMapValues { $0 })
        }
    }

    func shortestEdge(field: String, wrong: (String, String) -> ImageError) throws(ImageError) -> Int {
        switch self {
        case .number(let side):
            return try checked(side, field: field, wrong: wrong)
        case .edges(let edges):
            guard let side = edges["shortest_edge"], edges.count == 1 else {
                throw wrong(field, "only scaling to a shortest_edge is available, found \(edges.keys.sorted())")
            }
            return try checked(side, field: field + ".shortest_edge", wrong: wrong)
        }
    }

    func square(field: String, wrong: (String, String) -> ImageError) throws(ImageError) -> Int {
        switch self {
        case .number(let side):
            return try checked(side, field: field, wrong: wrong)
        case .edges(let edges):
            guard let height = edges["height"], let width = edges["width"], height == width else {
                throw wrong(field, "a height and an equal width are needed, found \(edges.sorted { $0.key < $1.key })")
            }
            return try checked(height, field: field, wrong: wrong)
        }
    }

    private func checked(_ side: Int, field: String, wrong: (String, String) -> ImageError) throws(ImageError) -> Int {
        guard (1...ImageProcessorConfiguration.maximumSide).contains(side) else {
            throw wrong(field, "\(side) is not in 1...\(ImageProcessorConfiguration.maximumSide)")
        }
        return side
    }
}
