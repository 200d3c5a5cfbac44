import Foundation
import Testing

@testable import Imaging

/// Against real images and golden values that are too large to be committed.
@Suite("Shared data", .enabled(if: Fixtures.shared != nil, "MEDMOE_SHARED names no folder with the shared data"))
struct SharedDataTests {
    @Test("Two hundred medical images: decoded and squared bytes equal Pillow's and the CLIP processor's")
    func medicalImages() throws {
        let folder = try #require(Fixtures.shared)
        let expectations = try JSONDecoder().decode([String: [String: String]].self, from: Data(Fixtures.file("shared-images.json")))
        #expect(expectations.count == 200)
        #if DEBUG
            // Unoptimised code takes minutes for all of them.
            let names = expectations.keys.sorted().enumerated().filter { $0.offset % 20 == 0 }.map(\.element)
        #else
            let names = expectations.keys.sorted()
        #endif
        for name in names {
            let expected = try #require(expectations[name])
            let image = try ImageDecoder(pillowExact: true).decode(
                [UInt8](Data(contentsOf: folder.appendingPathComponent(name))), named: name)
            #expect(fingerprint(image.bytes) == expected["rgb"], "\(name)")
            for aspect in AspectMode.allCases {
                for side in [112, 336] {
                    let preprocessor = ImagePreprocessor(configuration: try ImageProcessorConfiguration(side: side), aspect: aspect)
                    #expect(fingerprint(try preprocessor.squared(image).bytes) == expected["\(aspect)\(side)"], "\(name) \(aspect) \(side)")
                }
            }
        }
    }

    @Test("The golden pixel values of the reference models are met", arguments: ["tiny-phi", "tiny-stablelm", "tiny-stablelm-top2"])
    func goldenPixelValues(model: String) throws {
        let folder = try #require(Fixtures.shared).appendingPathComponent("fixtures/models/\(model)")
        let manifest = try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: folder.appendingPathComponent("manifest.json")))
        let configuration = try ImageProcessorConfiguration(
            json: [UInt8](Data(contentsOf: folder.appendingPathComponent("clip/preprocessor_config.json"))), named: model)
        let preprocessor = ImagePreprocessor(configuration: configuration, aspect: AspectMode(rawValue: manifest.config.aspect) ?? .crop)
        let golden = try Data(contentsOf: folder.appendingPathComponent("golden.safetensors"))
        for (index, prompt) in manifest.prompts.enumerated() {
            let image = try ImageDecoder().decode(
                [UInt8](Data(contentsOf: folder.appendingPathComponent(prompt.image))), named: prompt.image)
            let values = try preprocessor.pixelValues(image)
            let expected = try tensor("p\(index).pixel_values", in: golden)
            #expect(values.values.count == expected.count)
            let difference = zip(values.values, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(difference <= 1e-6, "\(model) \(prompt.image)")
            print("\(model) \(prompt.image) \(manifest.config.aspect): largest difference \(difference)")
        }
    }

    private struct Manifest: Decodable {
        struct Configuration: Decodable { let aspect: String }
        struct Prompt: Decodable { let image: String }
        let config: Configuration
        let prompts: [Prompt]
    }

    /// A float32 tensor of a safetensors file.
    private func tensor(_ name: String, in file: Data) throws -> [Float] {
        let length = Int(file.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
        let header = try #require(try JSONSerialization.jsonObject(with: file.dropFirst(8).prefix(length)) as? [String: Any])
        let entry = try #require(header[name] as? [String: Any])
        let offsets = try #require(entry["data_offsets"] as? [Int])
        let bytes = [UInt8](file.dropFirst(8 + length + offsets[0]).prefix(offsets[1] - offsets[0]))
        return bytes.withUnsafeBytes { buffer in
            (0..<(buffer.count / 4)).map { buffer.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}
