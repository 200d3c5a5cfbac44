import Tensors
import Testing

@testable import Checkpoints

/// What torch itself saved comes out as it went in. The archives and the program that made them are in `Fixtures/torch`.
@Suite struct TorchReadingTests {
    private func open(_ name: String, _ mode: ReadMode = .mapped) throws -> TorchArchive {
        try TorchArchive(path: fixtures + "/torch/" + name, reading: mode)
    }

    @Test(arguments: [ReadMode.mapped, .copied]) func readsEveryNumberType(mode: ReadMode) throws {
        let archive = try open("types.pth", mode)
        #expect(archive.names.count == DType.allCases.count)
        #expect(try values(archive.tensor("float64"), Double.self) == [0, 1, 2, 3, 4, 5])
        #expect(try values(archive.tensor("float32"), Float.self) == [0, 1, 2, 3, 4, 5])
        #expect(try values(archive.tensor("float16"), UInt16.self) == [0, 0x3C00, 0x4000, 0x4200, 0x4400, 0x4500])
        #expect(try values(archive.tensor("bfloat16"), UInt16.self) == [0, 0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0])
        #expect(try values(archive.tensor("int64"), Int64.self) == [0, 1, 2, 3, 4, 5])
        #expect(try values(archive.tensor("int32"), Int32.self) == [0, 1, 2, 3, 4, 5])
        #expect(try values(archive.tensor("int16"), Int16.self) == [0, 1, 2, 3, 4, 5])
        #expect(try values(archive.tensor("int8"), Int8.self) == [0, 1, 2, 3, 4, 5])
        #expect(try rawBytes(archive.tensor("uint8")) == [0, 1, 2, 3, 4, 5])
        #expect(try rawBytes(archive.tensor("bool")) == [0, 1, 1, 1, 1, 1])
        #expect(archive.descriptor("float16")?.dtype == .float16)
    }

    @Test(arguments: [ReadMode.mapped, .copied]) func putsStridedViewsIntoRowMajorOrder(mode: ReadMode) throws {
        let archive = try open("views.pth", mode)
        func floats(_ name: String) throws -> [Float] { try values(archive.tensor(name), Float.self) }
        #expect(archive.descriptor("transposed")?.shape == [6, 4])
        #expect(try floats("transposed") == (0..<24).map { Float($0 % 4 * 6 + $0 / 4) })
        #expect(try floats("column") == [2, 8, 14, 20])
        #expect(try floats("block") == [8, 9, 10, 14, 15, 16])
        #expect(try floats("row") == [12, 13, 14, 15, 16, 17])
        #expect(try floats("repeated") == (0..<24).map { Float($0 % 6) })
        #expect(try floats("scalar") == [7])
        #expect(archive.descriptor("scalar")?.shape == [])
        #expect(try floats("empty") == [])
        #expect(archive.descriptor("empty")?.shape == [0, 3])
        // permute(3, 1, 0, 2) of [2, 3, 4, 5]
        var odd: [Float] = []
        for d in 0..<5 {
            for b in 0..<3 {
                for a in 0..<2 {
                    for c in 0..<4 { odd.append(Float(a * 60 + b * 20 + c * 5 + d)) }
                }
            }
        }
        #expect(archive.descriptor("odd")?.shape == [5, 3, 2, 4])
        #expect(try floats("odd") == odd)
    }

    @Test func rowMajorTensorsAreViewsOfOneMapping() throws {
        let archive = try open("views.pth")
        let whole = try archive.tensor("whole")
        let row = try archive.tensor("row")
        #expect(whole.storage === row.storage)
        #expect(row.byteOffset - whole.byteOffset == 2 * 6 * 4)
    }

    @Test func findsTheStateDictOneLevelBelow() throws {
        let archive = try open("wrapped.pth")
        #expect(archive.names == ["bias", "weight"])
        #expect(try values(archive.tensor("weight"), Float.self) == [0, 1, 2, 3, 4, 5])
    }

    @Test(arguments: ["parameter.pth", "protocol4.pth"]) func readsParametersAndProtocolFour(name: String) throws {
        let archive = try open(name)
        #expect(try values(archive.tensor("weight", shape: [2, 3]), Float.self) == [0, 1, 2, 3, 4, 5])
    }

    @Test func readsSeveralArchivesWithAnIndex() throws {
        let container = try Container(folder: fixtures + "/torch/sharded")
        #expect(container.kind == .shardedTorch)
        #expect(container.source.names == ["a", "b", "c"])
        #expect(try values(container.source.tensor("a"), Float.self) == [0, 1, 2, 3, 4, 5])
        #expect(try values(container.source.tensor("c"), Float.self) == [0, 2, 1, 3])
        #expect(container.source.file(of: "b").hasSuffix("pytorch_model-00002-of-00002.bin"))
    }

    @Test func readsTheRealRouters() throws {
        for (name, width) in [("stablelm_router", 2048), ("phi_router", 2560)] {
            let archive = try TorchArchive(path: models + "/routers/\(name).pth")
            #expect(archive.names == ["fc1.bias", "fc1.weight"])
            let weight = try values(archive.tensor("fc1.weight", shape: [4, width], dtypes: [.float32]), Float.self)
            _ = try archive.tensor("fc1.bias", shape: [4])
            // Trained numbers: finite, small, not all alike.
            #expect(weight.allSatisfy { $0.isFinite && abs($0) < 10 })
            #expect(Set(weight).count > width)
        }
    }

    @Test func refusesTheFormatBeforeZipByName() throws {
        #expect { try open("before-1.6.pth") } throws: { error in
            guard case CheckpointError.unsupported(_, let what, let hint) = error else { return false }
            return what.contains("before 1.6") && hint.contains("safetensors")
        }
    }

    @Test func refusesAPickledModuleByTheNameOfItsClass() throws {
        #expect { try open("module.pth") } throws: { error in
            guard case CheckpointError.refusedPickle(_, let what) = error else { return false }
            return what.contains("torch.nn.modules.linear.Linear")
        }
    }

    @Test func refusesAStateDictWithSomethingElseInIt() throws {
        #expect { try open("not-a-tensor.pth") } throws: { error in
            guard case CheckpointError.malformed(_, "state dict", let problem) = error else { return false }
            return problem.contains("'note'")
        }
    }

    @Test func torchArchiveAndSafetensorsHoldTheSameTensors() throws {
        let archive = try TorchArchive(path: models + "/tiny-stablelm/pytorch_model.bin")
        let sharded = try ShardedSafetensors(indexPath: tinyStableLM + "/model.safetensors.index.json")
        #expect(archive.names == sharded.names)
        for name in sharded.names {
            #expect(archive.descriptor(name) == sharded.descriptor(name))
            #expect(try rawBytes(archive.tensor(name)) == rawBytes(sharded.tensor(name)), "\(name)")
        }
    }
}

/// The bytes of a tensor.
func rawBytes(_ tensor: Tensor) -> [UInt8] { tensor.withUnsafeBytes { Array($0) } }

/// The elements of a tensor, bit by bit.
func values<Element>(_ tensor: Tensor, _ type: Element.Type) -> [Element] {
    tensor.withUnsafeBytes { bytes in
        (0..<bytes.count / MemoryLayout<Element>.size).map {
            bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.size, as: type)
        }
    }
}
