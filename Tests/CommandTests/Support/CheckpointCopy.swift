import ClusterHarness
import Foundation
import ModelFixtures
import Testing

/// A copy of a fixture that a test may damage.
struct CheckpointCopy {
    /// The checkpoint's folder; its tower lies beside it, as config.json says.
    let path: String
    let fileName = "model-00001-of-00002.safetensors"

    init(of fixture: ModelFixture, in folder: String) throws {
        path = folder + "/checkpoint"
        for (source, name) in [(fixture.checkpoint.path, "checkpoint"), (fixture.tower.path, "clip")] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            // Not the hidden files: they record digests of the original.
            for file in try FileManager.default.contentsOfDirectory(atPath: source) where !file.hasPrefix(".") {
                try FileManager.default.copyItem(atPath: "\(source)/\(file)", toPath: "\(folder)/\(name)/\(file)")
            }
        }
    }

    func url(_ name: String) -> URL { URL(filePath: path + "/" + name) }

    func remove(_ name: String) throws { try FileManager.default.removeItem(at: url(name)) }

    func write(_ name: String, _ data: some Sequence<UInt8>) throws { try Data(data).write(to: url(name)) }

    /// Rewrites the first safetensors file as raw bytes: the header's text and the data after it.
    func editText(_ body: (inout String, inout Data) throws -> Void) throws {
        let file = try Data(contentsOf: url(fileName))
        let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        var text = String(decoding: file.dropFirst(8).prefix(length), as: UTF8.self)
        var data = Data(file.dropFirst(8 + length))
        try body(&text, &data)
        while text.utf8.count % 8 != 0 { text += " " }
        let size = (0..<8).map { UInt8(truncatingIfNeeded: text.utf8.count >> (8 * $0)) }
        try (Data(size) + Data(text.utf8) + data).write(to: url(fileName))
    }

    /// Rewrites the first safetensors file: the header's object and the data after it.
    func edit(_ body: (inout [String: Any], inout Data) throws -> Void) throws {
        try editText { text, data in
            var header = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            try body(&header, &data)
            text = String(decoding: try JSONSerialization.data(withJSONObject: header), as: UTF8.self)
        }
    }

    /// Changes one value of what the header says about a tensor.
    func set(_ key: String, of tensor: String, to value: Any) throws {
        try edit { header, _ in
            var entry = try #require(header[tensor] as? [String: Any])
            entry[key] = value
            header[tensor] = entry
        }
    }
}
