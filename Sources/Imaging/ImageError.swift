/// Why an image, or the configuration of its preprocessing, was refused. Every case names the file.
public enum ImageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file has no bytes.
    case empty(file: String)
    /// Neither JPEG nor PNG; `found` says what the content looks like.
    case unrecognised(file: String, found: String)
    /// The header announces more pixels than the limits allow.
    case tooLarge(file: String, width: Int, height: Int, limits: ImageLimits)
    /// The file asks for more work or memory than `limit` in another way than by its size in pixels.
    case excessive(file: String, format: ImageFormat, reason: String)
    /// The file ends before the image does.
    case truncated(file: String, format: ImageFormat, reason: String)
    /// The content contradicts its format or its checksums.
    case damaged(file: String, format: ImageFormat, reason: String)
    /// A correct file of a kind that is not decoded here.
    case unsupported(file: String, format: ImageFormat, reason: String)
    /// There was no memory for an image within the limits.
    case outOfMemory(file: String, width: Int, height: Int)
    /// A field of the processor configuration is missing, of the wrong type or out of range.
    case configuration(file: String, field: String, reason: String)
    /// The configuration does not lead to a square that an image encoder can take.
    case notEncoderInput(width: Int, height: Int)

    public var description: String {
        switch self {
        case .empty(let file):
            "\(file): the file is empty; an image (JPEG or PNG) was expected"
        case .unrecognised(let file, let found):
            "\(file): not an image that can be read: found \(found). Convert it to JPEG or PNG"
        case .tooLarge(let file, let width, let height, let limits):
            "\(file): the image has \(width) x \(height) pixels; at most \(limits.maximumSide) a side and "
                + "\(limits.maximumPixels) in total are accepted. Scale it down"
        case .excessive(let file, let format, let reason):
            "\(file): refused \(format) file: \(reason). Save the image again with an ordinary program"
        case .truncated(let file, let format, let reason):
            "\(file): the \(format) file is cut off: \(reason). Copy or download it again"
        case .damaged(let file, let format, let reason):
            "\(file): the \(format) file is damaged: \(reason). Get an intact copy"
        case .unsupported(let file, let format, let reason):
            "\(file): this kind of \(format) cannot be read: \(reason). Convert it to an 8-bit RGB image"
        case .outOfMemory(let file, let width, let height):
            "\(file): not enough memory to decode \(width) x \(height) pixels. Scale the image down"
        case .configuration(let file, let field, let reason):
            "\(file): field '\(field)': \(reason)"
        case .notEncoderInput(let width, let height):
            "the image processor yields \(width) x \(height) pixels; the model takes squares of at most "
                + "\(ImageProcessorConfiguration.maximumSide) a side: enable do_resize and do_center_crop in preprocessor_config.json"
        }
    }
}
