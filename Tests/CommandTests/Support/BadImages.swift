import ClusterHarness
import Foundation

/// Image files that must be refused.
struct BadImages {
    /// Path and what the refusal must say.
    let all: [(path: String, reason: String)]

    init(in folder: TemporaryFolder) throws {
        let scan = try Data(contentsOf: URL(filePath: Checkout.chest))
        all = [
            (try folder.write("huge.png", BadImages.png(width: 100_000, height: 100_000)), "100000"),
            // The largest that the format can say.
            (try folder.write("huge.jpg", BadImages.resized(scan, width: 65_500, height: 65_500)), "65500"),
            (try folder.write("cut.jpg", scan.prefix(scan.count / 2)), "cut off"),
            (try folder.write("text.jpg", "Findings: none.\n"), "text"),
            (try folder.write("empty.png", ""), "empty"),
            (folder.appending("missing.png"), "no such"),
            (folder.path, "folder"),
        ]
    }

    private static func png(width: Int, height: Int) -> [UInt8] {
        func big(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
        func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
            let body = Array(name.utf8) + content
            return big(content.count) + body + big(Int(StoredZip.checksum(body)))
        }
        var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        file += chunk("IHDR", big(width) + big(height) + [8, 2, 0, 0, 0])
        file += chunk("IDAT", [0x78, 0x9C, 0x03, 0, 0, 0, 0, 1])
        return file + chunk("IEND", [])
    }

    /// A JPEG file with other extents in its frame header.
    private static func resized(_ file: Data, width: Int, height: Int) -> [UInt8] {
        var bytes = [UInt8](file)
        for index in 0..<bytes.count - 8 where bytes[index] == 0xFF && (bytes[index + 1] == 0xC0 || bytes[index + 1] == 0xC2) {
            bytes.replaceSubrange(
                index + 5..<index + 9, with: [UInt8(height >> 8), UInt8(height & 255), UInt8(width >> 8), UInt8(width & 255)])
            break
        }
        return bytes
    }
}
