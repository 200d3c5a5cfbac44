/// An 8-bit RGB image: `width * height` pixels, three interleaved bytes (red, green, blue) each, rows from top to bottom without gaps.
public struct RGBImage: Sendable, Equatable {
    /// Pixels in one row, at least 1.
    public let width: Int
    /// Rows, at least 1.
    public let height: Int
    /// `width * height * 3` bytes.
    public let bytes: [UInt8]

    /// Makes an image of raw bytes.
    ///
    /// - Returns: `nil` when a side is not positive or `bytes` does not hold exactly `width * height * 3` bytes.
    public init?(width: Int, height: Int, bytes: [UInt8]) {
        guard width > 0, height > 0 else { return nil }
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow else { return nil }
        let (count, countOverflow) = pixels.multipliedReportingOverflow(by: 3)
        guard !countOverflow, bytes.count == count else { return nil }
        self.init(checkedWidth: width, height: height, bytes: bytes)
    }

    /// For code in this module that made `bytes` with the right length itself.
    init(checkedWidth width: Int, height: Int, bytes: [UInt8]) {
        assert(bytes.count == width * height * 3)
        self.width = width
        self.height = height
        self.bytes = bytes
    }
}
