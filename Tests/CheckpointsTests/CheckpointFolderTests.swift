import Foundation
import Tensors
import Testing

@testable import Checkpoints

/// Where a checkpoint's parts are found.
@Suite struct CheckpointFolderTests {
    @Test func opensTheShardedFixtureWithItsTowerBeside() throws {
        let folder = try CheckpointFolder(path: tinyStableLM)
        #expect(folder.container.kind == .shardedSafetensors)
        #expect(folder.container.ignored == [])
        #expect(folder.role == .complete)
        #expect(folder.tokenizerPaths == [tinyStableLM + "/tokenizer.json"])
        let tower = try folder.imageTower()
        #expect(tower.place == .folder(tinyStableLM + "/../clip"))
        #expect(tower.configPath == tinyStableLM + "/../clip/config.json")
        #expect(tower.preprocessorConfigPath == tinyStableLM + "/../clip/preprocessor_config.json")
        _ = try tower.source.tensor("vision_model.embeddings.class_embedding", shape: [32])
    }

    @Test func everyContainerGivesTheSameTensorsAndTheSameDigest() throws {
        let reference = try CheckpointFolder(path: tinyStableLM)
        let configuration = ["layers": "4"]
        let digest = try reference.modelDigest(configuration: configuration)
        let temporary = try TemporaryFolder()
        for kind in Variant.allCases {
            let folder = try kind.make(in: temporary)
            #expect(folder.container.kind == kind.kind, "\(kind)")
            #expect(folder.model.names == reference.model.names, "\(kind)")
            for name in reference.model.names {
                #expect(try rawBytes(folder.model.tensor(name)) == rawBytes(reference.model.tensor(name)), "\(kind) \(name)")
            }
            #expect(try folder.imageTower().source.names == reference.imageTower().source.names, "\(kind)")
            #expect(try folder.modelDigest(configuration: configuration) == digest, "\(kind)")
        }
    }

    @Test func safetensorsWinOverTorchArchivesAndItIsSaid() throws {
        let temporary = try TemporaryFolder()
        let folder = try Variant.single.make(in: temporary)
        try FileManager.default.copyItem(
            atPath: models + "/tiny-stablelm/pytorch_model.bin", toPath: folder.path + "/pytorch_model.bin")
        let both = try CheckpointFolder(path: folder.path, imageTower: models + "/tiny-stablelm/clip")
        #expect(both.container.kind == .safetensors)
        #expect(both.container.ignored == ["pytorch_model.bin"])
    }

    @Test func aHubNameIsNotFetchedAndTheErrorNamesTheFlag() throws {
        let temporary = try TemporaryFolder()
        let path = try minimalCheckpoint(in: temporary, config: #"{"mm_image_tower": "openai/clip-vit-large-patch14-336"}"#)
        let folder = try CheckpointFolder(path: path)
        let expected = CheckpointError.towerNotLocal(name: "openai/clip-vit-large-patch14-336", config: path + "/config.json")
        #expect(throws: expected) { try folder.imageTower() }
        #expect(expected.description.contains("--image-tower DIR"))
        // With the flag it opens.
        let named = try CheckpointFolder(path: path, imageTower: models + "/tiny-stablelm/clip")
        #expect(try named.imageTower().place == .folder(models + "/tiny-stablelm/clip"))
    }

    @Test func anAbsoluteTowerFolderIsFollowedAndTheFlagGoesBeforeATowerInside() throws {
        let temporary = try TemporaryFolder()
        let clip = models + "/tiny-stablelm/clip"
        let path = try minimalCheckpoint(in: temporary, config: "{\"mm_image_tower\": \"\(clip)\"}")
        #expect(try CheckpointFolder(path: path).imageTower().place == .folder(clip))
        let inside = try Variant.towerInside.make(in: temporary)
        #expect(try inside.imageTower().place == .insideCheckpoint)
        let named = try CheckpointFolder(path: inside.path, imageTower: clip)
        #expect(try named.imageTower().place == .folder(clip))
        #expect(try named.modelDigest(configuration: [:]) == inside.modelDigest(configuration: [:]))
    }

    @Test func aTowerFolderWithoutTowerTensorsIsRefused() throws {
        let temporary = try TemporaryFolder()
        let path = try minimalCheckpoint(in: temporary, config: "{}")
        let folder = try CheckpointFolder(path: path, imageTower: path)
        #expect(throws: CheckpointError.missingTensor(file: path + "/model.safetensors", tensor: "vision_model.*")) { try folder.imageTower() }
        #expect { try CheckpointFolder(path: path).imageTower() } throws: { "\($0)".contains("--image-tower DIR") }
    }

    @Test func aFolderWithoutConfigurationOrTensorsIsRefusedByWhatItLacks() throws {
        let temporary = try TemporaryFolder()
        #expect { try CheckpointFolder(path: temporary.path) } throws: { "\($0)".contains("config.json") }
        _ = try temporary.write(Array("{}".utf8), as: "config.json")
        #expect { try CheckpointFolder(path: temporary.path) } throws: { "\($0)".contains("model.safetensors") }
        #expect { try CheckpointFolder(path: temporary.file("nowhere")) } throws: { "\($0)".contains("nowhere") }
    }

    @Test(arguments: ["[]", "{\"a\":1,\"a\":2}", "{", "{\"medmoe_shard\":{\"role\":\"king\"}}", "{\"medmoe_shard\":{\"role\":\"experts\",\"experts\":[1,1]}}"])
    func aDamagedConfigurationIsRefused(text: String) throws {
        let temporary = try TemporaryFolder()
        let path = try minimalCheckpoint(in: temporary, config: text)
        #expect(throws: CheckpointError.self) { try CheckpointFolder(path: path) }
    }

    @Test func anExpectedShapeOrTypeThatDiffersIsNamed() throws {
        let folder = try CheckpointFolder(path: tinyStableLM)
        let name = "model.norm.weight"
        #expect { try folder.model.tensor(name, shape: [65]) } throws: { error in
            guard case CheckpointError.mismatch(let file, name, let expected, let found) = error else { return false }
            return file.contains("model-0000") && expected.contains("[65]") && found.contains("[64]")
        }
        #expect { try folder.model.tensor(name, shape: [64], dtypes: [.bfloat16]) } throws: { error in
            guard case CheckpointError.mismatch(_, name, let expected, let found) = error else { return false }
            return expected.contains("BF16") && found.contains("F32")
        }
        #expect { try folder.model.tensor("model.norm.nothing", shape: [64]) } throws: { error in
            guard case CheckpointError.missingTensor(_, "model.norm.nothing") = error else { return false }
            return true
        }
    }

    private func minimalCheckpoint(in temporary: TemporaryFolder, config: String) throws -> String {
        _ = try temporary.write(Array(config.utf8), as: "config.json")
        try SafetensorsWriter.write([:], to: temporary.file("model.safetensors"))
        return temporary.path
    }
}

/// The tiny checkpoint in other clothes.
enum Variant: CaseIterable {
    case single, manyFiles, torch, towerInside, torchWithOtherName

    var kind: Container.Kind {
        switch self {
        case .single, .towerInside: .safetensors
        case .manyFiles: .shardedSafetensors
        case .torch, .torchWithOtherName: .torch
        }
    }

    /// Makes the variant in a folder of its own and opens it.
    func make(in temporary: TemporaryFolder) throws -> CheckpointFolder {
        let path = temporary.file("\(self)")
        let files = FileManager.default
        try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        for name in ["config.json", "tokenizer.json"] { try files.copyItem(atPath: tinyStableLM + "/" + name, toPath: path + "/" + name) }
        let source = try ShardedSafetensors(indexPath: tinyStableLM + "/model.safetensors.index.json")
        let clip = models + "/tiny-stablelm/clip"
        switch self {
        case .single: try SafetensorsWriter.write(source, to: path + "/model.safetensors")
        case .manyFiles: try SafetensorsWriter.writeSharded(source, to: path, fileLimit: 200_000)
        case .torch: try files.copyItem(atPath: models + "/tiny-stablelm/pytorch_model.bin", toPath: path + "/pytorch_model.bin")
        case .torchWithOtherName: try files.copyItem(atPath: models + "/tiny-stablelm/pytorch_model.bin", toPath: path + "/tiny.pth")
        case .towerInside:
            var all: [String: Tensor] = [:]
            for name in source.names { all[name] = try source.tensor(name) }
            let tower = try SafetensorsFile(path: clip + "/model.safetensors")
            for name in tower.names { all[TensorNames.towerInside + name] = try tower.tensor(name) }
            // Buffers that some writers keep must not matter.
            all[TensorNames.towerInside + "vision_model.embeddings.position_ids"] = try tensor([Int64](0..<17), .int64)
            try SafetensorsWriter.write(all, to: path + "/model.safetensors")
            return try CheckpointFolder(path: path)
        }
        return try CheckpointFolder(path: path, imageTower: clip)
    }
}

/// A tensor of numbers.
func tensor<Element>(_ elements: [Element], _ dtype: DType, shape: [Int]? = nil) throws -> Tensor {
    let storage = elements.withUnsafeBytes { bytes in Storage.filled(byteCount: bytes.count) { $0.copyMemory(from: bytes) } }
    return try Tensor(dtype: dtype, shape: shape ?? [elements.count], storage: storage)
}
