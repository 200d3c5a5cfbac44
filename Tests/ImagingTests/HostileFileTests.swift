import Foundation
import Testing

@testable import Imaging

/// Files that lie, break off or explode: each ends in a typed error that names the file, without crash and without the memory that it asks for.
@Suite("Hostile files")
struct HostileFileTests {
    private enum Refusal: String {
        case empty, unrecognised, tooLarge, excessive, truncated, damaged, unsupported, accepted
    }

    private func refusal(_ bytes: [UInt8], limits: ImageLimits = .standard) -> Refusal {
        do {
            _ = try ImageDecoder(limits: limits).decode(bytes, named: "scan.bin")
            return .accepted
        } catch {
            #expect(error.description.hasPrefix("scan.bin: "), "\(error)")
            return switch error {
            case .empty: .empty
            case .unrecognised: .unrecognised
            case .tooLarge: .tooLarge
            case .excessive: .excessive
            case .truncated: .truncated
            case .damaged: .damaged
            case .unsupported: .unsupported
            case .outOfMemory, .configuration, .notEncoderInput: .accepted
            }
        }
    }

    @Test(
        "Every made-up file is refused for the right reason",
        arguments: [
            ("empty.png", "empty"), ("huge.png", "tooLarge"), ("beyond-signed.png", "tooLarge"), ("no-width.png", "damaged"),
            ("no-height.png", "damaged"), ("odd-depth.png", "damaged"), ("odd-colour.png", "damaged"), ("odd-interlace.png", "damaged"),
            ("no-palette.png", "damaged"), ("few-rows.png", "truncated"), ("no-pixels.png", "damaged"),
            ("not-deflated.png", "damaged"), ("unknown-critical.png", "damaged"), ("two-headers.png", "damaged"),
            ("endless-chunk.png", "damaged"), ("huge.jpg", "tooLarge"), ("starved.jpg", "damaged"), ("no-width.jpg", "damaged"),
            ("no-height.jpg", "damaged"), ("starved-progressive.jpg", "damaged"), ("many-scans.jpg", "excessive"),
            ("two-components.jpg", "unsupported"), ("twelve-bits.jpg", "unsupported"), ("lossless.jpg", "unsupported"),
            ("tables-only.jpg", "damaged"), ("no-tables.jpg", "damaged"), ("two-frames.jpg", "damaged"), ("restart-cut.jpg", "damaged"),
            ("only-start.jpg", "truncated"), ("grey-half.jpg", "damaged"), ("text-bomb.png", "excessive"),
            ("profile-bomb.png", "excessive"), ("many-bombs.png", "excessive"), ("many-chunks.png", "excessive"),
        ])
    func madeUpFiles(name: String, expected: String) throws {
        #expect(refusal(try Fixtures.file("hostile/" + name)).rawValue == expected)
    }

    @Test("A file that is no image is called what it seems to be")
    func foreignContent() {
        func found(_ bytes: [UInt8]) -> String {
            do {
                _ = try ImageDecoder().decode(bytes, named: "x")
                return "accepted"
            } catch {
                guard case .unrecognised("x", let found) = error else { return "\(error)" }
                return found
            }
        }
        #expect(found(Array("Dear colleague,\n\tthe scan shows \u{E4} mass.\r\n".utf8)) == "a text file")
        #expect(found(Array("GIF89a".utf8)) == "a GIF image")
        #expect(found([UInt8](repeating: 0, count: 128) + Array("DICM".utf8)) == "a DICOM file")
        #expect(found([0x89, 0x50]) == "only the first 2 byte(s) of an image")
        #expect(found([0xFF, 0xD8]) == "only the first 2 byte(s) of an image")
        #expect(found([0, 1, 2, 0xAB]) == "unknown content that begins with 00 01 02 AB")
    }

    @Test("Limits are those that were asked for, and are met exactly")
    func limits() throws {
        let bytes = try Fixtures.image("png-rgb8.png")  // 19 x 11
        #expect(refusal(bytes, limits: ImageLimits(maximumSide: 19, maximumPixels: 209)) == .accepted)
        #expect(refusal(bytes, limits: ImageLimits(maximumSide: 18)) == .tooLarge)
        #expect(refusal(bytes, limits: ImageLimits(maximumPixels: 208)) == .tooLarge)
        let jpeg = try Fixtures.image("jpeg-420-odd.jpg")  // 37 x 23
        #expect(refusal(jpeg, limits: ImageLimits(maximumSide: 37, maximumPixels: 851)) == .accepted)
        #expect(refusal(jpeg, limits: ImageLimits(maximumSide: 36)) == .tooLarge)
        #expect(refusal(jpeg, limits: ImageLimits(maximumPixels: 850)) == .tooLarge)
        #expect(ImageLimits(maximumSide: .max, maximumPixels: .min) == ImageLimits(maximumSide: 1 << 20, maximumPixels: 1))
    }

    /// libspng does not miss the last four bytes of a PNG: the checksum of the empty end chunk.
    @Test(
        "A file cut anywhere before its end marker is complete is an error",
        arguments: [
            "jpeg-420-odd.jpg", "jpeg-444-tall.jpg", "jpeg-progressive-odd.jpg", "jpeg-cmyk-odd.jpg", "jpeg-ycck-tall.jpg", "jpeg-grey-odd.jpg",
            "jpeg-restart-odd.jpg", "jpeg-arithmetic-odd.jpg", "orientation-6.jpg", "png-grey1.png", "png-rgb8.png", "png-rgba8-interlaced.png",
            "png-grey16.png", "png-rgba16-interlaced.png", "png-palette4-transparent.png", "png-notes.png", "orientation-6.png",
        ])
    func truncation(name: String) throws {
        let bytes = try Fixtures.image(name)
        for length in 0..<(name.hasSuffix("png") ? bytes.count - 4 : bytes.count) {
            let refusal = refusal(Array(bytes[..<length]))
            #expect(refusal != .accepted, "\(length) of \(bytes.count) bytes")
        }
    }

    @Test("A flipped bit in a PNG's pixels or headers is always found", arguments: ["png-rgb8.png", "png-grey16-interlaced.png", "png-palette2.png"])
    func flippedPNG(name: String) throws {
        let bytes = try Fixtures.image(name)
        for bit in 0..<(bytes.count * 8) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(refusal(damaged) != .accepted, "bit \(bit)")
        }
    }

    @Test(
        "Flipped bits, swapped and repeated pieces never do more than raise an error",
        arguments: [
            "jpeg-420-odd.jpg", "jpeg-progressive-tall.jpg", "jpeg-ycck-420-odd.jpg", "jpeg-arithmetic-tall.jpg", "jpeg-restart-tall.jpg",
            "orientation-5.jpg", "png-notes.png", "orientation-5.png", "png-rgba16-interlaced.png",
        ])
    func mutations(name: String) throws {
        let bytes = try Fixtures.image(name)
        let limits = ImageLimits(maximumSide: 2_000, maximumPixels: 100_000)
        for seed in 0..<400 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var mutated = bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let position = Int.random(in: 0..<mutated.count, using: &generator)
                let other = Int.random(in: 0..<mutated.count, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: mutated[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 1: mutated[position] = .random(in: 0...255, using: &generator)
                case 2: mutated.swapAt(position, other)
                case 3: mutated.insert(contentsOf: mutated[min(position, other)..<max(position, other)], at: position)
                default: mutated.removeSubrange(min(position, other)..<min(max(position, other), min(position, other) + 8))
                }
                if mutated.isEmpty { mutated = [0] }
            }
            do {
                let image = try ImageDecoder(limits: limits).decode(mutated, named: name)
                #expect(image.bytes.count == image.width * image.height * 3)
                #expect(image.width * image.height <= limits.maximumPixels)
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }

    @Test("Any bytes may stand where the orientation is looked for")
    func exifBytes() throws {
        for seed in 0..<2_000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var bytes: [UInt8] = seed % 2 == 0 ? [0x49, 0x49, 0x2A, 0] : [0x4D, 0x4D, 0, 0x2A]
            for _ in 0..<Int.random(in: 0...60, using: &generator) {
                bytes.append([0, 0, 0, 0xFF, 8, 1, 0x12, 0x7F].randomElement(using: &generator) ?? 0)
            }
            _ = ExifOrientation(tiff: bytes[...])
        }
        // Also as a slice that does not begin at zero, and with offsets at the edge of 32 bits.
        let far: [UInt8] = [9, 9, 0x49, 0x49, 0x2A, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0]
        #expect(ExifOrientation(tiff: far.dropFirst(2)) == .upright)
    }
}
