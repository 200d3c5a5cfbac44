/// The image file formats that can be decoded.
public enum ImageFormat: String, Sendable, CustomStringConvertible {
    case jpeg = "JPEG"
    case png = "PNG"

    public var description: String { rawValue }

    /// The format that the first bytes of a file announce, whatever its name; `nil` for anything else.
    public init?(firstBytesOf bytes: [UInt8]) {
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if bytes.starts(with: Self.pngSignature) {
            self = .png
        } else {
            return nil
        }
    }

    static let pngSignature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
}

/// Names what a file that is no JPEG and no PNG seems to be, for the error message.
enum ForeignContent {
    private static let signatures: [(offset: Int, bytes: [UInt8], name: String)] = [
        (0, Array("GIF8".utf8), "a GIF image"),
        (0, Array("BM".utf8), "a BMP image"),
        (0, [0x49, 0x49, 0x2A, 0x00], "a TIFF image"),
        (0, [0x4D, 0x4D, 0x00, 0x2A], "a TIFF image"),
        (8, Array("WEBP".utf8), "a WebP image"),
        (4, Array("ftyp".utf8), "a HEIF, AVIF or MP4 file"),
        (4, Array("jP  ".utf8), "a JPEG 2000 image"),
        (0, [0xFF, 0x4F, 0xFF, 0x51], "a JPEG 2000 code stream"),
        (128, Array("DICM".utf8), "a DICOM file"),
        (344, Array("n+1\0".utf8), "a NIfTI volume"),
        (0, Array("%PDF".utf8), "a PDF document"),
        (0, Array("PK\u{3}\u{4}".utf8), "a ZIP archive"),
        (0, [0x1F, 0x8B], "gzip-compressed data"),
        (0, [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "a NumPy array"),
    ]

    static func name(_ bytes: [UInt8]) -> String {
        for signature in signatures where bytes.dropFirst(signature.offset).starts(with: signature.bytes) {
            return signature.name
        }
        let head = bytes.prefix(16)
        if ImageFormat.pngSignature.starts(with: head) || [0xFF, 0xD8, 0xFF].starts(with: head) {
            return "only the first \(bytes.count) byte(s) of an image"
        }
        if bytes.prefix(256).allSatisfy({ $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }) {
            return "a text file"
        }
        return "unknown content that begins with " + head.map(hexadecimal).joined(separator: " ")
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count < 2 ? "0" + digits : digits
    }
}
