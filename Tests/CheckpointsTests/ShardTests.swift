import Foundation
import Tensors
import Testing

@testable import Checkpoints

/// Splitting a checkpoint among workers and a coordinator.
@Suite struct ShardTests {
    private let complete: CheckpointFolder
    private let temporary: TemporaryFolder

    init() throws {
        complete = try CheckpointFolder(path: tinyStableLM)
        temporary = try TemporaryFolder()
    }

    @Test func aWorkerGetsItsExpertsAndTheMetaExpertAndNoMore() throws {
        let path = temporary.file("worker")
        try ShardWriter().writeExperts(from: complete, experts: [1, 3], to: path)
        let shard = try CheckpointFolder(path: path)
        let expected = complete.model.names.filter { name in
            name.contains(".deepspeed_experts.1.") || name.contains(".deepspeed_experts.3.") || name.contains(".meta_moe.")
        }
        #expect(shard.container.source.names == expected)
        #expect(expected.count == 2 * 3 * 3)
        for name in expected {
            #expect(try rawBytes(shard.model.tensor(name)) == rawBytes(complete.model.tensor(name)))
        }
        #expect(shard.role == .experts([1, 3]))
        #expect(shard.tokenizerPaths.isEmpty)
        #expect(throws: CheckpointError.self) { try shard.imageTower() }
        let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        #expect(names == [".model.safetensors.medmoe-digests.json", "config.json", "model.safetensors"])
    }

    @Test func aCoordinatorGetsEverythingElseWithTheTowerInside() throws {
        let path = temporary.file("coordinator")
        try ShardWriter().writeCoordinator(from: complete, to: path)
        let shard = try CheckpointFolder(path: path)
        #expect(shard.role == .coordinator)
        #expect(shard.model.names == complete.model.names.filter { !$0.contains("deepspeed_experts") && !$0.contains("meta_moe") })
        #expect(shard.model.names.contains("model.layers.0.mlp.deepspeed_moe.gate.wg.weight"))
        #expect(shard.tokenizerPaths == [path + "/tokenizer.json"])
        let tower = try shard.imageTower()
        #expect(tower.place == .folder(path + "/clip"))
        #expect(tower.configPath != nil && tower.preprocessorConfigPath != nil)
        #expect(try tower.source.names == complete.imageTower().source.names)
        // Every other key of config.json is as it was, in its order.
        guard case .object(let before) = complete.config, case .object(let after) = shard.config else { throw CheckpointError.request("no objects") }
        #expect(after.map(\.key) == before.map(\.key) + ["medmoe_shard"])
        #expect(zip(before, after).allSatisfy { $0 == $1 || $0.key == "mm_image_tower" })
        #expect(after.first { $0.key == "mm_image_tower" }?.value == .string("clip"))
    }

    @Test func everyShardKnowsTheDigestsOfTheWholeModel() throws {
        try ShardWriter().writeExperts(from: complete, experts: [0], to: temporary.file("worker"))
        try ShardWriter().writeCoordinator(from: complete, to: temporary.file("coordinator"))
        let digest = try complete.modelDigest(configuration: ["a": "b"])
        let all = try complete.fingerprints()
        for name in ["worker", "coordinator"] {
            let shard = try CheckpointFolder(path: temporary.file(name))
            #expect(try shard.modelDigest(configuration: ["a": "b"], verify: true) == digest)
            #expect(try shard.fingerprints() == all)
            #expect(try shard.fingerprints().expert(layer: 2, expert: 3) == all.expert(layer: 2, expert: 3))
        }
    }

    @Test func aShardThatWasChangedAfterwardsIsFoundOut() throws {
        let path = temporary.file("worker")
        try ShardWriter().writeExperts(from: complete, experts: [0], to: path)
        let file = path + "/model.safetensors"
        var raw = try bytes(of: file)
        raw[raw.count - 1] ^= 1
        try Data(raw).write(to: URL(fileURLWithPath: file))
        #expect { try CheckpointFolder(path: path).fingerprints() } throws: { error in
            guard case CheckpointError.digest = error else { return false }
            return true
        }
    }

    @Test func aLargeShardIsSplitIntoFilesWithAnIndex() throws {
        let path = temporary.file("worker")
        try ShardWriter(fileLimit: 100_000).writeExperts(from: complete, experts: [0, 1, 2, 3], to: path)
        let shard = try CheckpointFolder(path: path)
        #expect(shard.container.kind == .shardedSafetensors)
        let files = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".safetensors") }
        #expect(files.count > 2)
        #expect(try shard.modelDigest(configuration: [:]) == complete.modelDigest(configuration: [:]))
        for name in shard.model.names {
            #expect(try rawBytes(shard.model.tensor(name)) == rawBytes(complete.model.tensor(name)))
        }
    }

    @Test func aShardCanBeSplitFurtherButIsNoCoordinator() throws {
        let half = temporary.file("half")
        try ShardWriter().writeExperts(from: complete, experts: [2, 3], to: half)
        let shard = try CheckpointFolder(path: half)
        try ShardWriter().writeExperts(from: shard, experts: [3], to: temporary.file("quarter"))
        let quarter = try CheckpointFolder(path: temporary.file("quarter"))
        #expect(quarter.role == .experts([3]))
        #expect(try quarter.modelDigest(configuration: [:]) == complete.modelDigest(configuration: [:]))
        #expect { try ShardWriter().writeExperts(from: shard, experts: [1], to: temporary.file("no")) } throws: { "\($0)".contains("no expert 1") }
        #expect(throws: CheckpointError.self) { try ShardWriter().writeCoordinator(from: shard, to: temporary.file("no")) }
        #expect(try temporary.contents == ["half", "quarter"])
    }

    @Test func unknownExpertsAreRefusedBeforeAnythingIsWritten() throws {
        for experts in [[4], [], [0, 99]] as [Set<Int>] {
            #expect { try ShardWriter().writeExperts(from: complete, experts: experts, to: temporary.file("out")) } throws: { error in
                guard case CheckpointError.request(let text) = error else { return false }
                return text.contains("0, 1, 2, 3")
            }
        }
        #expect(try temporary.contents == [])
    }

    @Test func anOutputFolderWithSomethingInItIsLeftAlone() throws {
        let path = temporary.file("out")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        // Empty: fine.
        try ShardWriter().writeExperts(from: complete, experts: [0], to: path)
        let before = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(throws: CheckpointError.outputExists(folder: path)) {
            try ShardWriter().writeExperts(from: complete, experts: [0], to: path)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == before)
    }

    @Test func nothingHalfWrittenStaysWhenReadingFails() throws {
        // The second file of the checkpoint loses its end after it was opened: copying fails in the middle.
        let source = temporary.file("source")
        try FileManager.default.copyItem(atPath: tinyStableLM, toPath: source)
        let folder = try CheckpointFolder(path: source, imageTower: models + "/tiny-stablelm/clip", reading: .copied)
        _ = try folder.fingerprints()
        let second = source + "/model-00002-of-00002.safetensors"
        #expect(truncate(second, 300_000) == 0)
        #expect(throws: CheckpointError.self) { try ShardWriter().writeCoordinator(from: folder, to: temporary.file("out")) }
        #expect(try temporary.contents == ["source"])
    }

    @Test func aCheckpointWithAGapIsNotSplit() throws {
        let gap = temporary.file("gap")
        try FileManager.default.createDirectory(atPath: gap, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: tinyStableLM + "/config.json", toPath: gap + "/config.json")
        for lost in ["layers.2.mlp.deepspeed_moe.experts.deepspeed_experts.1.up_proj.weight", "layers.0.mlp.deepspeed_moe.experts.deepspeed_experts.3."] {
            let names = complete.model.names.filter { !$0.contains(lost) }
            try SafetensorsWriter.write(complete.model as! RenamedTensors, names: names, to: gap + "/model.safetensors")
            let folder = try CheckpointFolder(path: gap, imageTower: models + "/tiny-stablelm/clip")
            #expect { try ShardWriter().writeExperts(from: folder, experts: [0], to: temporary.file("out")) } throws: { error in
                guard case CheckpointError.missingTensor(_, let tensor) = error else { return false }
                return tensor.contains(lost)
            }
        }
    }

    @Test func theSummaryCountsWhatOneTokenPasses() throws {
        try ShardWriter().writeExperts(from: complete, experts: [0], to: temporary.file("worker"))
        let expert = 3 * 64 * 96
        let modelParameters = try complete.model.names.reduce(0) { $0 + (try complete.model.tensor($1)).elementCount }
        let towerSource = try complete.imageTower().source
        let towerParameters = try towerSource.names.reduce(0) { $0 + (try towerSource.tensor($1)).elementCount }
        for folder in [complete, try CheckpointFolder(path: temporary.file("worker"))] {
            let summary = try CheckpointSummary(of: folder, topK: 1)
            #expect(summary.model.parameters == modelParameters)
            #expect(summary.tower?.parameters == towerParameters)
            #expect(summary.totalParameters == modelParameters + towerParameters)
            #expect(summary.activatedParameters == summary.totalParameters - 2 * 3 * expert)
            #expect(summary.expertsPerLayer == [0: 4, 2: 4])
            #expect(summary.model.bytes == [.float32: 4 * modelParameters])
        }
        #expect(try CheckpointSummary(of: complete, topK: 2).activatedParameters == modelParameters + towerParameters - 2 * 2 * expert)
        #expect(try CheckpointSummary(of: CheckpointFolder(path: temporary.file("worker")), topK: 1).held.parameters == 4 * expert)
        #expect(throws: CheckpointError.self) { try CheckpointSummary(of: complete, topK: 5) }
    }
}
