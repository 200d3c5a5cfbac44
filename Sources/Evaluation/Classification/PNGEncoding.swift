import CZlib

/// The PNG file of an 8-bit image (ISO/IEC 15948): one unfiltered, deflated stream of rows.
enum PNGEncoding {
    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// - Parameters:
    ///   - pixels: rows from top to bottom, `width * channels` bytes each.
    ///   - channels: 1 for grey, 3 for RGB.
    static func file(_ pixels: [UInt8], width: Int, height: Int, channels: Int) throws(PNGEncodingError) -> [UInt8] {
        let row = width * channels
        guard channels == 1 || channels == 3, width > 0, height > 0, pixels.count == row * height else {
            throw PNGEncodingError(description: "\(pixels.count) bytes are no image of \(width) × \(height) pixels with \(channels) channels")
        }
        var rows: [UInt8] = []
        rows.reserveCapacity(pixels.count + height)
        for start in stride(from: 0, to: pixels.count, by: row) {
            // Filter type 0: the row as it is.
            rows.append(0)
            rows += pixels[start..<(start + row)]
        }
        let header = bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, channels == 1 ? 0 : 2, 0, 0, 0]
        return signature + chunk("IHDR", header) + chunk("IDAT", try deflated(rows)) + chunk("IEND", [])
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let named = Array(type.utf8) + data
        let checksum = named.withUnsafeBufferPointer { crc32(0, $0.baseAddress, UInt32($0.count)) }
        return bigEndian(UInt32(data.count)) + named + bigEndian(UInt32(truncatingIfNeeded: checksum))
    }

    private static func deflated(_ bytes: [UInt8]) throws(PNGEncodingError) -> [UInt8] {
        var size = compressBound(UInt(bytes.count))
        var status = Z_OK
        let out = [UInt8](unsafeUninitializedCapacity: Int(size)) { target, count in
            status = bytes.withUnsafeBufferPointer { compress(target.baseAddress, &size, $0.baseAddress, UInt($0.count)) }
            count = status == Z_OK ? Int(size) : 0
        }
        guard status == Z_OK else { throw PNGEncodingError(description: "an image cannot be compressed: zlib says \(status)") }
        return out
    }

    private static func bigEndian(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }
}

/// Why an array is not an image.
public struct PNGEncodingError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String
}
