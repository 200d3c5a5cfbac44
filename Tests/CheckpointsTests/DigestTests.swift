import Crypto
import Foundation
import Tensors
import Testing

@testable import Checkpoints

/// What digests depend on, and what not.
@Suite struct DigestTests {
    @Test func aTensorDigestIsTheDocumentedHash() throws {
        let tensor = try tensor([Float(1), 2], .float32, shape: [2, 1])
        let content = try #require(CheckpointDigest(bytes: Array(SHA256.hash(data: rawBytes(tensor)))))
        let fingerprint = TensorFingerprint(descriptor: .init(dtype: .float32, shape: [2, 1]), content: content)
        func number(_ value: UInt8) -> [UInt8] { [value, 0, 0, 0, 0, 0, 0, 0] }
        let text = number(15) + Array("medmoe.tensor.1".utf8) + number(1) + Array("w".utf8) + number(3) + Array("F32".utf8)
            + number(2) + number(2) + number(1) + content.bytes
        #expect(fingerprint.digest(name: "w").bytes == Array(SHA256.hash(data: text)))
    }

    @Test func hexadecimalRoundTrips() throws {
        let digest = try #require(CheckpointDigest(bytes: (0..<32).map { UInt8($0 * 8) }))
        #expect(CheckpointDigest(hex: digest.description) == digest)
        #expect(digest.description.hasPrefix("0008101820"))
        #expect(CheckpointDigest(hex: String(digest.description.dropLast())) == nil)
        #expect(CheckpointDigest(hex: digest.description.uppercased()) == nil)
        #expect(CheckpointDigest(hex: String(repeating: "é", count: 32)) == nil)
        #expect(CheckpointDigest(bytes: [1]) == nil)
    }

    @Test func nameTypeShapeBytesConfigurationAndTokenizerEachChangeTheModelDigest() throws {
        let tokenizer = try CheckpointDigest.tokenizer([tinyStableLM + "/tokenizer.json"])
        func digest(
            name: String = "a", dtype: DType = .float32, shape: [Int] = [2], numbers: [Float] = [1, 2],
            configuration: [String: String] = ["k": "1"], tokenizer: CheckpointDigest? = nil
        ) throws -> CheckpointDigest {
            let temporary = try TemporaryFolder()
            _ = try temporary.write(Array("{}".utf8), as: "config.json")
            let bytes = numbers.withUnsafeBytes { Array($0) }
            try SafetensorsWriter.write([name: try Tensor(dtype: dtype, shape: shape, storage: Storage.filled(byteCount: bytes.count) { $0.copyBytes(from: bytes) })],
                to: temporary.file("model.safetensors"))
            return try CheckpointFolder(path: temporary.path).fingerprints()
                .model(configuration: configuration, tokenizer: tokenizer ?? CheckpointDigest.tokenizer([]))
        }
        let digests = [
            try digest(), try digest(name: "b"), try digest(dtype: .int32), try digest(shape: [1, 2]), try digest(numbers: [1, 3]),
            try digest(configuration: ["k": "2"]), try digest(configuration: ["k1": ""]), try digest(tokenizer: tokenizer),
        ]
        #expect(Set(digests).count == digests.count)
        #expect(try digest() == digests[0])
    }

    @Test func expertDigestsDifferByLayerAndExpertAndTellNothingOfOthers() throws {
        let folder = try CheckpointFolder(path: tinyStableLM)
        let all = try folder.fingerprints()
        var seen: Set<CheckpointDigest> = []
        for layer in [0, 2] {
            for expert in 0..<4 { seen.insert(try #require(all.expert(layer: layer, expert: expert))) }
            seen.insert(try #require(all.alwaysOn(layer: layer)))
        }
        #expect(seen.count == 10)
        #expect(all.expert(layer: 1, expert: 0) == nil)
        #expect(all.expert(layer: 0, expert: 4) == nil)
        let some = try folder.expertFingerprints([1, 3])
        #expect(some.expert(layer: 0, expert: 0) == nil)
        #expect(some.expert(layer: 2, expert: 3) == all.expert(layer: 2, expert: 3))
        #expect(some.alwaysOn(layer: 2) == all.alwaysOn(layer: 2))
        #expect(some.tensors.count == 2 * (2 * 3 + 3))
    }

    @Test func aResidualModuleIsTheMetaExpertUnderAnotherName() throws {
        func fingerprint(_ byte: UInt8) throws -> TensorFingerprint {
            TensorFingerprint(
                descriptor: .init(dtype: .float32, shape: [1]),
                content: try #require(CheckpointDigest(bytes: [UInt8](repeating: byte, count: 32))))
        }
        let meta = TensorNames.meta(layer: 3) + "fc1.weight"
        let residual = TensorNames.residual(layer: 3) + "fc1.weight"
        let onlyMeta = TensorFingerprints([meta: try fingerprint(1)])
        #expect(TensorFingerprints([residual: try fingerprint(1)]).all == onlyMeta.all)
        #expect(TensorFingerprints([meta: try fingerprint(1), residual: try fingerprint(1)]).all == onlyMeta.all)
        #expect(TensorFingerprints([meta: try fingerprint(1), residual: try fingerprint(1)]).alwaysOn(layer: 3) == onlyMeta.alwaysOn(layer: 3))
        let different = TensorFingerprints([meta: try fingerprint(1), residual: try fingerprint(2)])
        #expect(different.all != onlyMeta.all)
        #expect(different.all != TensorFingerprints([meta: try fingerprint(2), residual: try fingerprint(1)]).all)
    }

    @Test func theCacheIsUsedWhileTheFileIsTheSameAndVerifyingReadsAgain() throws {
        let temporary = try TemporaryFolder()
        let folder = try Variant.single.make(in: temporary)
        let tensors = try folder.fingerprints()
        let cachePath = folder.path + "/.model.safetensors.medmoe-digests.json"
        let text = String(decoding: try bytes(of: cachePath), as: UTF8.self)
        let content = try #require(tensors.tensors["model.norm.weight"]?.content)
        // A lie in the cache is believed, which shows that the cache is used, and found out by verifying.
        let lie = String(repeating: "0", count: 64)
        try text.replacingOccurrences(of: "\(content)", with: lie).write(toFile: cachePath, atomically: true, encoding: .utf8)
        #expect(try folder.fingerprints().tensors["model.norm.weight"]?.content.description == lie)
        #expect { try folder.fingerprints(verify: true) } throws: { error in
            guard case CheckpointError.digest(_, "model.norm.weight", lie, _) = error else { return false }
            return true
        }
        // Another modification time: the cache no longer holds.
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: folder.container.path)
        #expect(try CheckpointFolder(path: folder.path, imageTower: models + "/tiny-stablelm/clip").fingerprints() == tensors)
    }

    @Test(arguments: ["", "{", "[]", "{\"version\":1}", "{\"version\":1,\"tensors\":{\"model.norm.weight\":3}}"])
    func aDamagedCacheIsIgnored(text: String) throws {
        let temporary = try TemporaryFolder()
        let folder = try Variant.single.make(in: temporary)
        try text.write(toFile: folder.path + "/.model.safetensors.medmoe-digests.json", atomically: true, encoding: .utf8)
        #expect(try folder.fingerprints() == CheckpointFolder(path: tinyStableLM).fingerprints())
    }

    @Test func aCacheThatCannotBeWrittenChangesNothing() throws {
        let temporary = try TemporaryFolder()
        let folder = try Variant.single.make(in: temporary)
        // A folder of that name: also root cannot put a file there.
        try FileManager.default.createDirectory(atPath: folder.path + "/.model.safetensors.medmoe-digests.json", withIntermediateDirectories: true)
        #expect(try folder.fingerprints() == CheckpointFolder(path: tinyStableLM).fingerprints())
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).allSatisfy { !$0.hasSuffix(".part") })
    }

    @Test func digestingDoesNotMakeTheResidentMemoryGrowWithTheFile() throws {
        let temporary = try TemporaryFolder()
        _ = try temporary.write(Array("{}".utf8), as: "config.json")
        let size = 192 << 20
        let big = try Tensor(dtype: .uint8, shape: [size], storage: Storage.filled(byteCount: size) { $0.initializeMemory(as: UInt8.self, repeating: 7) })
        try SafetensorsWriter.write(["big": big], to: temporary.file("model.safetensors"))
        let folder = try CheckpointFolder(path: temporary.path)
        let before = try residentFileBytes()
        _ = try folder.fingerprints()
        #expect(try residentFileBytes() - before < 64 << 20)
    }

    /// Pages of mapped files that are in this process's memory, in bytes.
    private func residentFileBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("RssFile:") })
        return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1])) * 1024
    }
}
