import Foundation
import Tensors
import Testing

@testable import Checkpoints

/// Files that are not what they say: each is refused with the file and the part at fault, none does harm.
@Suite struct HostileSafetensorsTests {
    private let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    private func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
        try SafetensorsFile(path: temporary.write(bytes, as: "x.safetensors"))
    }

    /// Opening fails with `.malformed`, and the message has all of `words`.
    private func expectMalformed(_ bytes: [UInt8], _ words: String..., at location: SourceLocation = #_sourceLocation) {
        #expect(sourceLocation: location) { try open(bytes) } throws: { error in
            guard case CheckpointError.malformed(let file, _, _) = error else { return false }
            return file.hasSuffix("x.safetensors") && words.allSatisfy { "\(error)".contains($0) }
        }
    }

    private static func entry(_ name: String, _ begin: Int, _ end: Int, dtype: String = "U8", shape: String? = nil) -> String {
        "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape ?? "[\(end - begin)]"),\"data_offsets\":[\(begin),\(end)]}"
    }

    private func entries(_ entries: String..., data: Int) -> [UInt8] { safetensors("{\(entries.joined(separator: ","))}", data: data) }

    @Test func everyTruncationIsRefused() throws {
        let whole = entries(Self.entry("a", 0, 4), Self.entry("b", 4, 8), data: 8)
        #expect(try open(whole).names == ["a", "b"])
        for count in 0..<whole.count { #expect(throws: CheckpointError.self) { try open(Array(whole[..<count])) } }
    }

    @Test(arguments: [100_000_001, UInt64(Int.max), .max]) func aHugeHeaderIsRefusedByItsLength(length: UInt64) {
        #expect { try open(littleEndian(length) + Array("{}".utf8)) } throws: { error in
            guard case CheckpointError.limit(_, "the header length", _, 100_000_000) = error else { return false }
            return true
        }
    }

    @Test func aHeaderLongerThanTheFileIsRefused() { expectMalformed(littleEndian(UInt64(99)) + Array("{}".utf8), "truncated") }

    @Test func overlappingTensorsAreRefused() {
        expectMalformed(entries(Self.entry("a", 0, 5), Self.entry("b", 4, 8), data: 8), "'b'", "overlaps")
        expectMalformed(entries(Self.entry("a", 0, 8), Self.entry("b", 0, 8), data: 8), "overlaps")
    }

    @Test func holesAreRefused() {
        expectMalformed(entries(Self.entry("a", 0, 3), Self.entry("b", 4, 8), data: 8), "3 to 4", "no tensor")
        expectMalformed(entries(Self.entry("a", 1, 8), data: 8), "0 to 1", "no tensor")
        expectMalformed(entries(Self.entry("a", 0, 7), data: 8), "last 1 bytes")
    }

    @Test func equalKeysAreRefusedHoweverTheyAreWritten() {
        expectMalformed(entries(Self.entry("a", 0, 4), Self.entry("a", 4, 8), data: 8), "'a'", "twice")
        expectMalformed(entries(Self.entry("a", 0, 4), Self.entry("\\u0061", 4, 8), data: 8), "'a'", "twice")
        expectMalformed(safetensors(#"{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}"#), "'dtype'", "twice")
        expectMalformed(safetensors(#"{"__metadata__":{"x":"1","x":"2"}}"#), "'x'", "twice")
    }

    @Test func aTypeThatDoesNotFitTheBytesIsRefused() {
        expectMalformed(entries(Self.entry("a", 0, 8, dtype: "F32", shape: "[4]"), data: 8), "'a'", "[4]", "F32")
        expectMalformed(entries(Self.entry("a", 0, 8, dtype: "F32", shape: "[]"), data: 8), "'a'")
    }

    @Test func anUnknownTypeIsNamed() {
        #expect { try open(entries(Self.entry("a", 0, 8, dtype: "Q4"), data: 8)) } throws: { error in
            guard case CheckpointError.unsupported(_, let what, let hint) = error else { return false }
            return what.contains("'Q4'") && hint.contains("BF16")
        }
    }

    @Test(arguments: [
        "[9223372036854775807,2]", "[9223372036854775808]", "[-1]", "[1.5]", "[1e3]", "[\"4\"]", "8", "[04]", "[+4]",
        "[4611686018427387904,4611686018427387904,0]", "[" + Array(repeating: "1", count: 33).joined(separator: ",") + "]",
    ]) func impossibleShapesAreRefused(shape: String) { expectMalformed(entries(Self.entry("a", 0, 8, shape: shape), data: 8)) }

    @Test(arguments: ["[0,9]", "[8,0]", "[-1,8]", "[0]", "[0,8,8]", "[]", "[0,99999999999999999999]", "[9223372036854775807,9223372036854775807]"])
    func impossibleOffsetsAreRefused(offsets: String) {
        expectMalformed(safetensors("{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":\(offsets)}}", data: 8))
    }

    @Test(arguments: [
        "", " {}", "[]", "null", "{", "{}}", "{} x", "{,}", #"{"a"}"#, #"{"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, #"{"a":null}"#,
        #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1}}"#, #"{"__metadata__":{"x":1}}"#,
        #"{"__metadata__":[]}"#, #"{"a\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, #"{"\x":1}"#, "{\"a\nb\":1}", #"{"\u12"#,
    ]) func aHeaderThatIsNoTableOfTensorsIsRefused(header: String) { expectMalformed(safetensors(header), "header") }

    @Test(arguments: [#"{"a":{}}"#, #"{"a":{"dtype":"U8","shape":[0]}}"#, #"{"a":{"dtype":"U8","data_offsets":[0,0]}}"#, #"{"a":{"shape":[0],"data_offsets":[0,0]}}"#])
    func aTensorWithoutTypeShapeOrPlaceIsRefused(header: String) { expectMalformed(safetensors(header), "'a'", "missing") }

    @Test func aNameThatIsNotUTF8IsRefused() {
        var bytes = entries(Self.entry("a", 0, 0), data: 0)
        bytes[10] = 0xFF
        expectMalformed(bytes, "UTF-8")
    }

    @Test func aHeaderNestedWithoutEndIsRefused() {
        expectMalformed(safetensors(#"{"a":"# + String(repeating: "[", count: 1_000_000)))
        expectMalformed(safetensors(String(repeating: #"{"a":"#, count: 200_000)))
    }

    @Test func messagesShowNoControlCharactersOfTheFile() {
        expectMalformed(entries(Self.entry("\\u001b[31m", 0, 4), data: 8))
        #expect { try open(entries(Self.entry("\\u001b[31m", 1, 8), data: 8)) } throws: { !"\($0)".unicodeScalars.contains("\u{1b}") }
    }

    @Test func whatIsNoRegularFileIsRefusedWithoutWaiting() throws {
        #expect(mkfifo(temporary.file("pipe"), 0o600) == 0)
        for path in [temporary.file("pipe"), temporary.path, "/dev/zero"] {
            #expect { try SafetensorsFile(path: path) } throws: { error in
                guard case CheckpointError.unsupported = error else { return false }
                return true
            }
        }
        #expect { try SafetensorsFile(path: temporary.file("none")) } throws: { error in
            guard case CheckpointError.system(_, "opening", _) = error else { return false }
            return true
        }
    }

    @Test func aPointerOfGitLFSIsRecognised() {
        #expect { try open(Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".utf8)) } throws: { "\($0)".contains("git lfs pull") }
    }

    @Test func aFileTruncatedAfterOpeningIsATypedErrorWithoutMapping() throws {
        let path = try temporary.write(entries(Self.entry("a", 0, 8), data: 8), as: "x.safetensors")
        let file = try SafetensorsFile(path: path, reading: .copied)
        #expect(truncate(path, 20) == 0)
        #expect { try file.tensor("a") } throws: { error in
            guard case CheckpointError.system(path, "reading", let reason) = error else { return false }
            return reason.contains("truncated")
        }
    }

    @Test func damagedFilesAreRefusedOrValidButNeverCrash() throws {
        let header = "{\"__metadata__\":{\"k\":\"v\"},\(Self.entry("a", 0, 8, dtype: "F32", shape: "[2,1]")),\(Self.entry("b", 8, 12, dtype: "F16", shape: "[2]")),\(Self.entry("c", 12, 12))}"
        let whole = safetensors(header, data: 12)
        let start = 8 + header.utf8.count
        var valid = 0
        for seed in 0..<5000 {
            var numbers = SeededNumbers(seed: UInt64(seed))
            let bytes = Array(whole[8..<start]).damaged(&numbers)
            if (try? SafetensorsHeader(json: bytes, dataStart: start, dataSize: 12, file: "fuzz")) != nil { valid += 1 }
        }
        #expect(valid > 0 && valid < 2500)
        for seed in 0..<500 {
            var numbers = SeededNumbers(seed: UInt64(seed))
            guard let file = try? open(whole.damaged(&numbers)) else { continue }
            for name in file.names { _ = try rawBytes(file.tensor(name)) }
        }
    }
}

/// Sharded checkpoints whose index lies.
@Suite struct HostileIndexTests {
    private let temporary: TemporaryFolder

    init() throws {
        temporary = try TemporaryFolder()
        try SafetensorsWriter.write(["a": tensor([UInt8(1)], .uint8), "b": tensor([UInt8(2)], .uint8)], to: temporary.file("one.safetensors"))
        try SafetensorsWriter.write(["c": tensor([UInt8(3)], .uint8)], to: temporary.file("two.safetensors"))
    }

    private func open(_ index: String) throws -> ShardedSafetensors {
        try ShardedSafetensors(indexPath: temporary.write(Array(index.utf8), as: "model.safetensors.index.json"))
    }

    @Test func anHonestIndexOpens() throws {
        let source = try open(#"{"metadata":{"total_size":3},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}}"#)
        #expect(source.names == ["a", "b", "c"])
        #expect(try rawBytes(source.tensor("c")) == [3])
        #expect(source.file(of: "c").hasSuffix("two.safetensors"))
        #expect(throws: CheckpointError.missingTensor(file: temporary.file("model.safetensors.index.json"), tensor: "d")) { try source.tensor("d") }
    }

    @Test(arguments: ["../one.safetensors", "/etc/passwd", "..", ".", "", "sub/one.safetensors", "one\\u0000.safetensors"])
    func fileNamesThatLeaveTheFolderAreRefused(name: String) {
        #expect { try open("{\"weight_map\":{\"a\":\"\(name)\"}}") } throws: { "\($0)".contains("plain file name") }
    }

    @Test(arguments: [
        #"{"weight_map":{"a":"one.safetensors","b":"one.safetensors","d":"two.safetensors","c":"two.safetensors"}}"#,
        #"{"weight_map":{"a":"one.safetensors","b":"two.safetensors","c":"two.safetensors"}}"#,
        #"{"weight_map":{"a":"one.safetensors","c":"two.safetensors"}}"#,
        #"{"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"three.safetensors"}}"#,
        #"{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}"#, #"{"weight_map":{"a":1}}"#, #"{"weight_map":[]}"#, "{}", "", "{",
    ]) func anIndexThatDisagreesWithItsFilesIsRefused(index: String) { #expect(throws: CheckpointError.self) { try open(index) } }
}
