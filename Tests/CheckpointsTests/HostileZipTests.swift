import Foundation
import Testing

@testable import Checkpoints

/// Zip records that lie about sizes, offsets and names.
@Suite struct HostileZipTests {
    private let temporary: TemporaryFolder
    private let honest = ZipBuilder(
        pickle: PickleBuilder.one(count: 4, shape: [4], strides: [1]), storages: ["0": [UInt8](repeating: 1, count: 16)])

    init() throws { temporary = try TemporaryFolder() }

    private func open(_ builder: ZipBuilder) throws -> TorchArchive {
        try TorchArchive(path: temporary.write(builder.bytes, as: "x.pth"))
    }

    private func expectMalformed(_ word: String, at location: SourceLocation = #_sourceLocation, _ change: (inout ZipBuilder) -> Void) {
        var builder = honest
        change(&builder)
        #expect(sourceLocation: location) { try open(builder) } throws: { error in
            guard case CheckpointError.malformed = error else { return false }
            return "\(error)".contains(word)
        }
    }

    @Test func anHonestArchiveOpensWithAndWithoutAComment() throws {
        #expect(try open(honest).names == ["w"])
        var commented = honest
        commented.comment = Array("PK\u{5}\u{6} is how an end record starts".utf8)
        #expect(try open(commented).names == ["w"])
    }

    @Test func wideSizesAndOffsetsAreReadAndChecked() throws {
        let start = UInt64(30 + "a/data.pkl".utf8.count + honest.records[0].data.count)
        func wide(_ fields: [UInt64]) -> ZipBuilder {
            var builder = honest
            builder.records[1].directorySize = .max
            builder.records[1].offset = .max
            builder.records[1].wide = fields
            return builder
        }
        #expect(try open(wide([16, 16, start])).names == ["w"])
        for fields in [[16, 16], [], [16, 8, start], [.max, .max, start], [1 << 62, 1 << 62, start], [16, 16, .max], [16, 16, 1 << 62], [17, 17, start], [16, 16, 0]] {
            #expect(throws: CheckpointError.self, "\(fields)") { try open(wide(fields)) }
        }
    }

    @Test func lyingSizesAreRefused() {
        expectMalformed("'a/data/0'") { $0.records[1].directorySize = 1 << 20 }
        expectMalformed("disagree") { $0.records[1].flags = 0; $0.records[1].localName = "a/data/1" }
        expectMalformed("directory") { $0.records[1].localSize = 8 }
        expectMalformed("'w'") { $0.records[1].directorySize = 8; $0.records[1].localSize = 8 }
        expectMalformed("64-bit") { $0.records[1].directorySize = .max }
    }

    @Test func lyingOffsetsAreRefused() {
        expectMalformed("no header") { $0.records[1].offset = 7 }
        expectMalformed("outside") { $0.records[1].offset = 1 << 30 }
        expectMalformed("64-bit") { $0.records[1].offset = .max }
        expectMalformed("disagree") { $0.records[1].offset = 0 }
        expectMalformed("end record") { $0.directoryOffset = 3 }
        expectMalformed("end record") { $0.directoryOffset = .max }
        expectMalformed("directory") { $0.count = 9 }
        expectMalformed("left over") { $0.count = 1 }
        expectMalformed("do not fit") { $0.count = 3 }
    }

    @Test func twoEntriesThatShareBytesAreRefused() {
        var builder = honest
        var inner = honest.records[1]
        inner.name = "a/data/1"
        builder.records.append(inner)
        // The second entry's record names the first one's place, whose header then disagrees; with equal names the directory does.
        builder.records[2].offset = UInt32(30 + "a/data.pkl".utf8.count + honest.records[0].data.count)
        #expect(throws: CheckpointError.self) { try open(builder) }
        expectMalformed("two entries have the name") { $0.records.append($0.records[1]) }
        // An entry inside another one's data, with a header of its own.
        var nested = ZipBuilder([("b", [UInt8](repeating: 2, count: 4))]).bytes
        nested = Array(nested[..<(30 + 1 + 4)])
        var outer = honest
        outer.records.append(.init(name: "outer", data: nested))
        outer.records.append(.init(name: "b", data: [UInt8](repeating: 2, count: 4)))
        let start = honest.records.reduce(0) { $0 + 30 + $1.name.utf8.count + $1.data.count } + 30 + "outer".utf8.count
        outer.records[3].offset = UInt32(start)
        #expect { try open(outer) } throws: { "\($0)".contains("overlap") }
    }

    @Test func compressedAndEncryptedEntriesAreRefusedByName() {
        for change in [{ $0.records[1].method = 8 }, { $0.records[1].flags = 1 }] as [(inout ZipBuilder) -> Void] {
            var builder = honest
            change(&builder)
            #expect { try open(builder) } throws: { error in
                guard case CheckpointError.unsupported(_, let what, _) = error else { return false }
                return what.contains("'a/data/0'")
            }
        }
    }

    @Test func aWrongChecksumOfThePickleIsRefused() { expectMalformed("checksum") { $0.records[0].checksum = 1 } }

    @Test func thereMustBeOnePickle() {
        expectMalformed("data.pkl") { $0.records[0].name = "a/other.pkl" }
        expectMalformed("data.pkl") { $0.records.append(.init(name: "b/data.pkl", data: $0.records[0].data)) }
    }

    @Test func anotherByteOrderAndTorchScriptAreRefused() {
        for (name, data) in [("a/byteorder", "big"), ("a/constants.pkl", "")] {
            var builder = honest
            builder.records.append(.init(name: name, data: Array(data.utf8)))
            #expect { try open(builder) } throws: { error in
                guard case CheckpointError.unsupported = error else { return false }
                return true
            }
        }
    }

    @Test func aTarFileIsRefusedByName() throws {
        var tar = [UInt8](repeating: 0, count: 1024)
        tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
        #expect { try TorchArchive(path: temporary.write(tar, as: "x.pth")) } throws: { error in
            guard case CheckpointError.unsupported(_, let what, _) = error else { return false }
            return what.contains("tar format")
        }
    }

    @Test func theChecksumIsTheOneOfZip() {
        #expect(CRC32.of(Array("123456789".utf8)) == 0xCBF4_3926)
        #expect(CRC32.of([]) == 0)
    }
}
