import Checkpoints
import Foundation
import MedMoE
import ModelFixtures
import Tensors
import Testing

/// One case of `Variants/`: a small checkpoint of some unusual configuration, and the values of an independent reference.
struct Variant: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let prompt: String
    let mixtureLayers: [Int]

    enum CodingKeys: String, CodingKey {
        case name, prompt
        case mixtureLayers = "mixture_layers"
    }

    var testDescription: String { name }

    /// Where the cases lie, beside the models of the public code.
    static let root = ModelFixture.stableLM.folder.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Variants")

    static func all() throws -> [Variant] {
        try JSONDecoder().decode([Variant].self, from: Data(contentsOf: root.appending(path: "cases.json")))
    }

    static func named(_ name: String) throws -> Variant {
        guard let variant = try all().first(where: { $0.name == name }) else { throw CocoaError(.fileNoSuchFile) }
        return variant
    }

    var golden: URL { Variant.root.appending(path: "\(name)/golden.safetensors") }
    var image: URL { Variant.root.appending(path: "\(name)/image.png") }

    /// Runs `body` with a copy of the case that has the tokenizer, which all cases share, in its place.
    func withCopy<R>(isolation: isolated (any Actor)? = #isolation, _ body: (VariantCopy) async throws -> R) async throws -> R {
        let manager = FileManager.default
        let folder = manager.temporaryDirectory.appending(path: "medmoe-variant-\(UUID().uuidString)")
        defer { try? manager.removeItem(at: folder) }
        try manager.copyItem(at: Variant.root.appending(path: name), to: folder)
        try manager.copyItem(
            at: ModelFixture.stableLM.checkpoint.appending(path: "tokenizer.json"),
            to: folder.appending(path: "checkpoint/tokenizer.json"))
        return try await body(VariantCopy(folder: folder))
    }
}

/// A copy of a case that a test may spoil.
struct VariantCopy {
    let folder: URL
    var checkpoint: URL { folder.appending(path: "checkpoint") }

    /// Loads model and experts as the commands do.
    func load() throws -> (model: MedMoEModel, bank: ExpertBank) {
        let opened = try CheckpointFolder(path: checkpoint.path)
        let model = try MedMoEModel(folder: opened)
        return (model, try ExpertBank(source: opened.model, configuration: model.configuration))
    }

    /// Rewrites the tensors of a file of the copy.
    func editTensors(_ path: String = "checkpoint/model.safetensors", _ edit: (inout [String: Tensor]) throws -> Void) throws {
        let file = folder.appending(path: path).path
        var tensors: [String: Tensor] = [:]
        do {
            let source = try SafetensorsFile(path: file, reading: .copied)
            for name in source.names { tensors[name] = try source.tensor(name) }
        }
        try edit(&tensors)
        try FileManager.default.removeItem(atPath: file)
        try SafetensorsWriter.write(tensors, to: file)
    }

    /// Sets keys of the copy's config.json; a nil value removes the key. `moe.KEY` is a key of the mixture.
    func editConfiguration(_ changes: [String: Any?]) throws {
        let file = checkpoint.appending(path: "config.json")
        guard var object = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] else {
            throw CocoaError(.fileReadCorruptFile)
        }
        var mixture = object["moe"] as? [String: Any] ?? [:]
        for (key, value) in changes {
            if key.hasPrefix("moe.") { mixture[String(key.dropFirst(4))] = value } else { object[key] = value }
        }
        if object["moe"] != nil { object["moe"] = mixture }
        try JSONSerialization.data(withJSONObject: object).write(to: file)
    }
}
