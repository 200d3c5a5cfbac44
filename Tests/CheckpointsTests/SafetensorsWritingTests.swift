import Foundation
import Tensors
import Testing

@testable import Checkpoints

/// What is written comes back.
@Suite struct SafetensorsWritingTests {
    private let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    @Test(arguments: 0..<40) func randomTensorsRoundTrip(seed: Int) throws {
        var numbers = SeededNumbers(seed: UInt64(seed))
        var tensors: [String: Tensor] = [:]
        for index in 0..<Int.random(in: 0...12, using: &numbers) {
            let dtype = try #require(DType.allCases.randomElement(using: &numbers))
            let shape = (0..<Int.random(in: 0...4, using: &numbers)).map { _ in Int.random(in: 0...5, using: &numbers) }
            let bytes = (0..<(try Tensor.byteCount(dtype: dtype, shape: shape))).map { _ in UInt8.random(in: 0...255, using: &numbers) }
            let odd = ["", " \"quoted\\\" ", "\n\t\u{1}", "é\u{301}", "日本", "/../", "😀"].randomElement(using: &numbers) ?? ""
            tensors["t\(index)\(odd)"] = try tensor(bytes, .uint8).viewed(as: dtype, shape: shape)
        }
        let metadata = ["format": "pt", "odd \"key\"\u{7f}\u{0}": "value\r\n\\"]
        let path = temporary.file("x.safetensors")
        try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
        for mode in [ReadMode.mapped, .copied] {
            let file = try SafetensorsFile(path: path, reading: mode)
            #expect(file.metadata == metadata)
            #expect(Set(file.names) == Set(tensors.keys))
            for (name, tensor) in tensors {
                #expect(file.descriptor(name) == TensorDescriptor(dtype: tensor.dtype, shape: tensor.shape))
                let read = try file.tensor(name)
                #expect(rawBytes(read) == rawBytes(tensor))
                // Written so that nothing has to be copied when it is mapped.
                #expect(read.byteOffset % tensor.dtype.byteCount == 0)
                if mode == .mapped { #expect(read.storage.count == (try bytes(of: path).count)) }
                var streamed: [UInt8] = []
                try file.withBlocks(of: name) { streamed += Array($0) }
                #expect(streamed == rawBytes(tensor))
            }
        }
        let raw = try bytes(of: path)
        let headerLength = raw[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect((8 + headerLength) % 64 == 0)
        #expect(try temporary.contents == ["x.safetensors"])
    }

    @Test func aTensorThatIsNotAlignedToItsElementIsCopied() throws {
        for pad in 0..<8 {
            let header = #"{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}"# + String(repeating: " ", count: pad)
            let file = try SafetensorsFile(path: temporary.write(safetensors(header, data: 16), as: "x.safetensors"))
            let tensor = try file.tensor("a")
            #expect(rawBytes(tensor) == (0..<16).map { UInt8($0) })
            tensor.withUnsafeBytes { #expect(Int(bitPattern: $0.baseAddress) % 8 == 0) }
        }
    }

    @Test func aFailedWriteLeavesTheOldFileAndNothingElse() throws {
        let path = temporary.file("x.safetensors")
        try SafetensorsWriter.write(["a": tensor([UInt8(1)], .uint8)], to: path)
        let before = try bytes(of: path)
        #expect(throws: CheckpointError.self) { try SafetensorsWriter.write(FailingSource(), to: path) }
        #expect(throws: CheckpointError.self) { try SafetensorsWriter.write(["": tensor([UInt8(1)], .uint8)], to: path) }
        #expect(throws: CheckpointError.self) { try SafetensorsWriter.write(["__metadata__": tensor([UInt8(1)], .uint8)], to: path) }
        #expect(throws: CheckpointError.self) { try SafetensorsWriter.write([:], to: temporary.file("none/x.safetensors")) }
        #expect(try bytes(of: path) == before)
        #expect(try temporary.contents == ["x.safetensors"])
    }

    @Test func aMappedTensorOutlivesItsFileObjectAndItsName() throws {
        let path = temporary.file("x.safetensors")
        try SafetensorsWriter.write(["a": tensor([Float(1), 2, 3], .float32)], to: path)
        let kept = try SafetensorsFile(path: path).tensor("a")
        try FileManager.default.removeItem(atPath: path)
        #expect(values(kept, Float.self) == [1, 2, 3])
    }

    /// Gives a tensor's descriptor and then fails to give its bytes.
    private struct FailingSource: TensorSource {
        let names = ["a", "b"]
        func descriptor(_ name: String) -> TensorDescriptor? { TensorDescriptor(dtype: .uint8, shape: [4]) }
        func tensor(_ name: String) throws -> Tensor {
            if name == "b" { throw CheckpointError.missingTensor(file: "memory", tensor: name) }
            return try Tensor(
                dtype: .uint8, shape: [4], storage: Storage.filled(byteCount: 4) { $0.initializeMemory(as: UInt8.self, repeating: 0) })
        }
    }
}

extension Tensor {
    /// The same bytes as another type and shape.
    fileprivate func viewed(as dtype: DType, shape: [Int]) throws -> Tensor {
        try Tensor(dtype: dtype, shape: shape, storage: storage, byteOffset: byteOffset)
    }
}
