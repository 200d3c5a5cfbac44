import Foundation
import Imaging

/// The committed images and what Pillow and the CLIP image processor make of them (`Fixtures/make_fixtures.py`).
enum Fixtures {
    struct Pixels: Decodable {
        let width: Int
        let height: Int
        /// Fingerprint of the RGB bytes.
        let rgb: String
        /// The RGB bytes themselves, for tiny images.
        let hex: String?
    }

    struct Image: Sendable {
        let name: String
        /// Pillow's `convert("RGB")`.
        let pillow: Pixels
        /// The same upright and with scaled 16-bit samples.
        let upright: Pixels
        /// Fingerprints of squares ("pad56") and of pixel values ("pad56.values").
        let squares: [String: String]
    }

    private enum Entry: Decodable {
        case pixels(Pixels)
        case fingerprint(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .fingerprint(text)
            } else {
                self = .pixels(try container.decode(Pixels.self))
            }
        }
    }

    static func file(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: Bundle.module.bundleURL.appendingPathComponent("Fixtures").appendingPathComponent(path)))
    }

    static func image(_ name: String) throws -> [UInt8] { try file("images/" + name) }

    static let images: [Image] = {
        do {
            let entries = try JSONDecoder().decode([String: [String: Entry]].self, from: Data(try file("expectations.json")))
            return entries.sorted { $0.key < $1.key }.compactMap { name, fields in
                guard case .pixels(let pillow)? = fields["pillow"], case .pixels(let upright)? = fields["default"] else { return nil }
                let squares = fields.compactMapValues { if case .fingerprint(let text) = $0 { text } else { nil } }
                return Image(name: name, pillow: pillow, upright: upright, squares: squares)
            }
        } catch {
            return []  // The test of their number fails.
        }
    }()

    /// A folder with the shared data sets and golden values, named by the environment variable `MEDMOE_SHARED`.
    static let shared = ProcessInfo.processInfo.environment["MEDMOE_SHARED"].map { URL(fileURLWithPath: $0, isDirectory: true) }
}

/// FNV-1a over little-endian 64-bit words (the last one filled with zeros), then over the number of bytes.
func fingerprint(_ bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    bytes.withUnsafeBytes { buffer in
        var offset = 0
        while offset + 8 <= buffer.count {
            hash = (hash ^ UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))) &* 0x100_0000_01B3
            offset += 8
        }
        if offset < buffer.count {
            var word: UInt64 = 0
            for (index, byte) in buffer[offset...].enumerated() { word |= UInt64(byte) << UInt64(8 * index) }
            hash = (hash ^ word) &* 0x100_0000_01B3
        }
        hash = (hash ^ UInt64(buffer.count)) &* 0x100_0000_01B3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

func fingerprint(_ values: [Float]) -> String {
    fingerprint(values.withUnsafeBytes { [UInt8]($0) })
}

/// A reproducible generator (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
