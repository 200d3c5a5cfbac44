import Language

/// Pictures that show nothing, for loads that have no images of their own: soft grey shades with some noise.
public enum SyntheticImage {
    /// A grey PNG file of 8 bits per pixel, the same for the same seed.
    ///
    /// - Parameters:
    ///   - width: in pixels, 1 to 4096.
    ///   - height: likewise.
    public static func png(width: Int, height: Int, seed: UInt64) -> [UInt8] {
        var generator = SplitMix64(seed: seed)
        let (centerX, centerY) = (generator.nextUnit() * Double(width), generator.nextUnit() * Double(height))
        let reach = Double(width * width + height * height) / 4
        var lines: [UInt8] = []
        lines.reserveCapacity((width + 1) * height)
        for y in 0..<height {
            // Each line says how it was filtered: not at all.
            lines.append(0)
            for x in 0..<width {
                let (dx, dy) = (Double(x) - centerX, Double(y) - centerY)
                let shade = 200 * max(0, 1 - (dx * dx + dy * dy) / reach) + 55 * generator.nextUnit()
                lines.append(UInt8(min(255, shade)))
            }
        }
        let header = big(UInt32(width)) + big(UInt32(height)) + [8, 0, 0, 0, 0]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            + chunk("IHDR", header) + chunk("IDAT", stored(lines)) + chunk("IEND", [])
    }

    /// A zlib stream of blocks that are not compressed.
    private static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        var index = 0
        repeat {
            let size = min(65_535, bytes.count - index)
            let isLast = index + size == bytes.count
            stream.append(isLast ? 1 : 0)
            for number in [UInt16(size), ~UInt16(size)] { stream += [UInt8(number & 255), UInt8(number >> 8)] }
            stream += bytes[index..<index + size]
            index += size
        } while index < bytes.count
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            a = (a + UInt32(byte)) % 65_521
            b = (b + a) % 65_521
        }
        return stream + big(b << 16 | a)
    }

    private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + content
        return big(UInt32(content.count)) + body + big(checksum(body))
    }

    private static func big(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }

    /// CRC-32.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes { sum = sum >> 8 ^ table[Int((sum ^ UInt32(byte)) & 255)] }
        return ~sum
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
}
