/// Turns JPEG and PNG files into 8-bit RGB.
///
/// The result equals Pillow's `Image.open(f).convert("RGB")` byte for byte (alpha is dropped without compositing, colour profiles are ignored),
/// but for two things that Pillow leaves out: the EXIF orientation is applied, and samples of 16 bits become 8 bits by rounding `v / 257`.
/// `pillowExact` undoes both: no orientation; 16-bit grey saturates at 255, other 16-bit samples keep their high byte.
///
/// Files may be hostile: sizes are checked in the header before memory is taken, and a truncated or damaged file is an error,
/// never an image with a grey half. Bytes after the end of the image are ignored.
public struct ImageDecoder: Sendable {
    /// What a file may ask for.
    public let limits: ImageLimits
    /// Whether Pillow's treatment of orientation and of 16-bit samples is reproduced.
    public let pillowExact: Bool

    public init(limits: ImageLimits = .standard, pillowExact: Bool = false) {
        self.limits = limits
        self.pillowExact = pillowExact
    }

    /// Decodes one image file. Takes milliseconds for ordinary images, seconds at the limits: do not call it on the cooperative thread pool.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - name: how error messages call the file.
    public func decode(_ bytes: [UInt8], named name: String) throws(ImageError) -> RGBImage {
        guard !bytes.isEmpty else { throw .empty(file: name) }
        guard let format = ImageFormat(firstBytesOf: bytes) else {
            throw .unrecognised(file: name, found: ForeignContent.name(bytes))
        }
        let decoded: (image: RGBImage, orientation: ExifOrientation)
        switch format {
        case .jpeg: decoded = try JPEGDecoding(file: name, limits: limits).decode(bytes)
        case .png: decoded = try PNGDecoding(file: name, limits: limits, saturateGrey16: pillowExact).decode(bytes)
        }
        return pillowExact ? decoded.image : decoded.orientation.upright(decoded.image)
    }
}
