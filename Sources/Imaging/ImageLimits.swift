/// What an image file may ask for. Checked against the file's header before memory is taken for the pixels.
public struct ImageLimits: Sendable, Equatable {
    /// Longest allowed side in pixels.
    public let maximumSide: Int
    /// Largest allowed number of pixels, width times height.
    public let maximumPixels: Int

    /// Limits for trusted and untrusted files alike: 16,384 pixels a side, 64 Mi pixels in total.
    ///
    /// At the limit an image takes 192 MiB; while a progressive JPEG is decoded, its coefficients take up to 8 bytes a pixel more.
    public static let standard = ImageLimits()

    /// Values below 1 count as 1.
    public init(maximumSide: Int = 16_384, maximumPixels: Int = 64 * 1_024 * 1_024) {
        // No side above 2^20 and no total above 2^32: so that no product of sizes in this module can overflow.
        self.maximumSide = min(max(1, maximumSide), 1 << 20)
        self.maximumPixels = min(max(1, maximumPixels), 1 << 32)
    }

    /// Most JPEG scans that an image of `pixels` may have. Every scan costs a walk over the whole image, though it may be a few bytes long:
    /// ordinary progressive files have about ten.
    func maximumScans(pixels: Int) -> Int {
        min(Self.maximumScansOfAnyImage, max(16, 16 * maximumPixels / max(1, pixels)))
    }

    private static let maximumScansOfAnyImage = 500

    /// Refuses sizes outside the limits.
    func check(width: Int, height: Int, format: ImageFormat, file: String) throws(ImageError) {
        guard width > 0, height > 0 else {
            throw .damaged(file: file, format: format, reason: "its header says \(width) x \(height) pixels, an empty image")
        }
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard width <= maximumSide, height <= maximumSide, !overflow, pixels <= maximumPixels else {
            throw .tooLarge(file: file, width: width, height: height, limits: self)
        }
    }
}
