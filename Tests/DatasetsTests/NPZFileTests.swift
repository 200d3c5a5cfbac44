import Foundation
import Testing

@testable import Checkpoints
@testable import Datasets

private func fixture(_ name: String) -> String { Bundle.module.bundleURL.appending(path: "Fixtures/\(name)").path }

@Suite struct NPZFileTests {
    @Test("Arrays that NumPy wrote come out as they went in", arguments: ["arrays.npz", "stored.npz"])
    func arraysComeOut(name: String) throws {
        let file = try NPZFile(path: fixture(name))
        #expect(try file.array("bytes") == NPYArray(shape: [2, 3, 4], elements: .uint8(Array(0..<24))))
        #expect(try file.array("whole") == NPYArray(shape: [2, 1], elements: .int64([-1, 1 << 40])))
    }

    @Test func allTypesAndShapesAreRead() throws {
        let file = try NPZFile(path: fixture("arrays.npz"))
        #expect(file.names == ["bytes", "columns", "double", "none", "real", "scalar", "swapped", "whole"])
        #expect(try file.array("real").elements == .float32([0.5, -2.25, 3e38]))
        #expect(try file.array("real").integers == nil)
        #expect(try file.array("scalar") == NPYArray(shape: [], elements: .int64([7])))
        #expect(try file.array("none") == NPYArray(shape: [0, 5], elements: .uint8([])))
        #expect(try file.array("whole").integers == [-1, 1 << 40])
    }

    @Test func otherTypesAndAbsentArraysAreNamed() throws {
        let file = try NPZFile(path: fixture("arrays.npz"))
        for (name, word) in [("double", "'<f8'"), ("swapped", "'>f4'"), ("columns", "Fortran")] {
            #expect { try file.array(name) } throws: { "\($0)".contains(word) && "\($0)".contains("'\(name)'") && "\($0)".contains("uint8") }
        }
        #expect { try file.array("x") } throws: { "\($0)".contains("no array 'x'; it has 'bytes'") }
        #expect { try NPZFile(path: "none.npz") } throws: { "\($0)".contains("none.npz") }
        #expect { try NPZFile(path: fixture("make.py")) } throws: { "\($0)".contains("make.py") }
    }
}

/// Archives that lie.
@Suite struct HostileNPZTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func header(_ text: String, version: UInt8 = 1) -> [UInt8] {
        let length = version == 1 ? [UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)] : [UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8), 0, 0]
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(text.utf8)
    }

    /// A zip file of one entry `x.npy`.
    private func zip(_ stored: [UInt8], method: UInt16, size: Int, checksum: UInt32) throws -> NPZFile {
        func number<N: FixedWidthInteger>(_ value: N) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
        let common = number(UInt16(0)) + number(method) + number(UInt32(0)) + number(checksum) + number(UInt32(stored.count))
            + number(UInt32(size)) + number(UInt16(5)) + number(UInt16(0))
        let name = Array("x.npy".utf8)
        let local = [0x50, 0x4B, 3, 4, 20, 0] + common + name + stored
        let directory = [0x50, 0x4B, 1, 2, 20, 0, 20, 0] + common + [UInt8](repeating: 0, count: 14) + name
        let end = [0x50, 0x4B, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0] + number(UInt32(directory.count)) + number(UInt32(local.count)) + [0, 0]
        return try NPZFile(path: folder.write(local + directory + end, as: "x.npz"))
    }

    private func stored(_ bytes: [UInt8]) throws -> NPZFile {
        try zip(bytes, method: 0, size: bytes.count, checksum: CRC32.of(bytes))
    }

    @Test func anHonestArrayIsRead() throws {
        for version: UInt8 in 1...3 {
            let bytes = header("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n", version: version) + [5, 6]
            #expect(try stored(bytes).array("x") == NPYArray(shape: [2], elements: .uint8([5, 6])))
        }
    }

    @Test("Broken headers are refused", arguments: [
        "", "{", "{}", "{'descr': '|u1'}", "{'descr': '|u1', 'fortran_order': 0, 'shape': (2,)}", "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)} x",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", "{'descr': '|u1', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}", "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2)}",
        "{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (2,)}", "{'descr': '|\\x75', 'fortran_order': False, 'shape': (2,)}",
    ])
    func brokenHeaders(text: String) throws {
        let file = try stored(header(text) + [5, 6])
        #expect { try file.array("x") } throws: { error in
            guard case ArrayFileError.malformed = error else { return false }
            return "\(error)".contains("'x'")
        }
    }

    @Test func truncatedAndForeignHeadersAreRefused() throws {
        let whole = header("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n")
        for bytes in [[], Array(whole.prefix(5)), Array(whole.prefix(9)), Array(whole.dropLast(3)), header("{}", version: 9), Array("not an array".utf8)] {
            #expect(throws: ArrayFileError.self) { try stored(bytes).array("x") }
        }
    }

    @Test func aBombIsSeenBeforeMemoryIsTaken() throws {
        let tiny: [UInt8] = [3, 0]
        #expect { try zip(tiny, method: 8, size: 900 << 20, checksum: 0).array("x") } throws: { "\($0)".contains("cannot become") }
        #expect { try zip(tiny, method: 8, size: 3 << 30, checksum: 0).array("x") } throws: { error in
            guard case ArrayFileError.limit = error else { return false }
            return true
        }
    }

    @Test func streamsThatAreDamagedOrOfAnotherLengthAreRefused() throws {
        // A stored deflate block of two bytes.
        let stream: [UInt8] = [1, 2, 0, 0xFD, 0xFF, 7, 8]
        for (bytes, size) in [(stream, 1), (stream, 3), (Array(stream.dropLast()), 2), (stream + [0], 2), ([7, 255, 255], 2)] {
            #expect { try zip(bytes, method: 8, size: size, checksum: CRC32.of([7, 8])).array("x") } throws: { "\($0)".contains("compressed bytes") }
        }
        #expect { try zip(stream, method: 8, size: 2, checksum: 1).array("x") } throws: { "\($0)".contains("checksum") }
        // Honest bytes that are no array.
        #expect { try zip(stream, method: 8, size: 2, checksum: CRC32.of([7, 8])).array("x") } throws: { "\($0)".contains(".npy") }
    }
}
