import Tensors
import Testing

@testable import Checkpoints

/// What a checkpoint saved by the public code gives.
@Suite struct SafetensorsReadingTests {
    @Test func readsShardedCheckpoint() throws {
        let source = try ShardedSafetensors(indexPath: tinyStableLM + "/model.safetensors.index.json")
        #expect(source.names.count == 92)
        let norm = try source.tensor("model.norm.weight", shape: [64])
        #expect(norm.dtype == .float32)
        #expect(source.metadata["format"] == "pt")
    }

    @Test(arguments: [ReadMode.mapped, .copied]) func bothModesReadTheBytesOfTheFile(mode: ReadMode) throws {
        let path = tinyStableLM + "/model-00001-of-00002.safetensors"
        let raw = try bytes(of: path)
        let file = try SafetensorsFile(path: path, reading: mode)
        let tensor = try file.tensor("model.layers.0.input_layernorm.bias")
        let start = 8 + Int(raw[0]) + Int(raw[1]) << 8 + 204800
        tensor.withUnsafeBytes { #expect(Array($0) == Array(raw[start..<start + 256])) }
    }
}
