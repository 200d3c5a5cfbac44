import Foundation
import Tensors
import Testing

@testable import Checkpoints

/// Archives that want more than tensors, or lie: each is refused quickly, nothing in them is ever executed.
@Suite struct HostileTorchTests {
    private let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    private func open(_ bytes: [UInt8], reading mode: ReadMode = .mapped) throws -> TorchArchive {
        try TorchArchive(path: temporary.write(bytes, as: "x.pth"), reading: mode)
    }

    private func run(_ pickle: [UInt8]) throws { _ = try PickleMachine.run(pickle, file: "x.pth") }

    private func expectLimit(_ pickle: [UInt8], at location: SourceLocation = #_sourceLocation) {
        let start = ContinuousClock.now
        #expect(sourceLocation: location) { try run(pickle) } throws: { error in
            guard case CheckpointError.limit = error else { return false }
            return true
        }
        #expect(ContinuousClock.now - start < .seconds(20), sourceLocation: location)
    }

    private func expectMalformed(_ pickle: [UInt8], _ word: String, at location: SourceLocation = #_sourceLocation) {
        #expect(sourceLocation: location) { try run(pickle) } throws: { error in
            guard case CheckpointError.malformed(_, "pickle", let problem) = error else { return false }
            return problem.contains(word)
        }
    }

    // MARK: What a pickle may name

    @Test(arguments: [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr"), ("__builtin__", "eval"), ("subprocess", "Popen"),
        ("torch", "load"), ("torch", "hub"), ("torch.nn.modules.linear", "Linear"), ("collections", "defaultdict"), ("torch._utils", "_rebuild_tensor"),
        ("collections", "OrderedDict\u{0}"), ("torch.storage", "FloatStorage"),
    ]) func everyOtherGlobalIsRefusedByName(module: String, name: String) {
        let call = PickleBuilder().global(module, name).op("(").string("touch /tmp/owned").op("t").op("R").end
        let stacked = PickleBuilder().string(module).string(name).op(0x93).op("(").string("1").op("t").op("R").end
        for pickle in [call, stacked] {
            #expect { try open(ZipBuilder(pickle: pickle).bytes) } throws: { error in
                guard case CheckpointError.refusedPickle(_, let what) = error else { return false }
                return what.contains(module) && "\(error)".contains("nothing was executed")
            }
        }
    }

    @Test(arguments: [
        ("i", "INST"), ("o", "OBJ"), ("P", "PERSID"), ("\u{81}", "NEWOBJ"), ("\u{92}", "NEWOBJ_EX"), ("\u{82}", "EXT1"), ("I", "INT"), ("L", "LONG"), ("S", "STRING"),
        ("\u{97}", "NEXT_BUFFER"), ("2", "DUP"), ("\u{FF}", "0xff"),
    ]) func everyOtherOpcodeIsRefusedByName(opcode: Unicode.Scalar, name: String) {
        #expect { try run(PickleBuilder().op("]").op(UInt8(opcode.value)).end) } throws: { error in
            guard case CheckpointError.refusedPickle(_, let what) = error else { return false }
            return what.hasSuffix(name)
        }
    }

    @Test func allowedNamesCanOnlyBeCalledAsTorchDoes() {
        let attempts = [
            PickleBuilder().global("torch", "FloatStorage").op(")").op("R").end,
            PickleBuilder().global("collections", "OrderedDict").op("]").op(0x85).op("R").end,
            PickleBuilder().global("collections", "OrderedDict").op("]").op("R").end,
            PickleBuilder().string("os.system").op(")").op("R").end,
            PickleBuilder().global("torch._utils", "_rebuild_tensor_v2").op(")").op("R").end,
            PickleBuilder().global("torch", "Size").op("}").op("b").end,
            PickleBuilder().op("]").op("]").op("b").end,
        ]
        for pickle in attempts {
            #expect { try run(pickle) } throws: { error in
                guard case CheckpointError.refusedPickle = error else { return false }
                return true
            }
        }
        expectMalformed(PickleBuilder().global("torch", "Size").op("}").op(0x85).op("R").end, "a dict")
        expectMalformed(PickleBuilder().global("torch._utils", "_rebuild_parameter").op("N").op("N").op("N").op(0x87).op("R").end, "None")
        expectMalformed(PickleBuilder().string("storage").op("Q").end, "storage")
    }

    // MARK: Bombs

    @Test func nestingWithoutEndIsRefused() {
        let count = 100_000
        for opening in ["]", "(", "}"] as [Character] {
            expectLimit(PickleBuilder().bytes + [UInt8](repeating: opening.asciiValue ?? 0, count: count))
        }
        // ((((…),),),) by one-element tuples, lists in lists, dicts in dicts
        expectLimit(PickleBuilder().bytes + [UInt8(ascii: ")")] + [UInt8](repeating: 0x85, count: count))
        expectLimit(PickleBuilder().bytes + repeated(Array("](".utf8), 100) + repeated(Array("e".utf8), 100))
    }

    @Test func aBombOfTuplesThatHoldTheOneBeforeTwiceIsRefused() {
        // 2^n elements if anybody walked them.
        let step: [UInt8] = [UInt8(ascii: "h"), 0, UInt8(ascii: "h"), 0, 0x86, UInt8(ascii: "q"), 0]
        expectLimit(PickleBuilder().op(")").op("q", [0]).bytes + repeated(step, 100_000))
    }

    @Test func aBombOfReferencesIsRefused() {
        // One short list, referred to from ever more lists.
        let list = Array("](".utf8) + repeated([UInt8(ascii: "h"), 0], 50_000) + Array("ea".utf8)
        expectLimit(PickleBuilder().op("]").op("q", [0]).op("]").bytes + repeated(list, 25))
    }

    @Test func aMemoWithoutEndIsRefused() {
        expectLimit(PickleBuilder().op("N").bytes + repeated([0x94], 1_100_000))
        #expect(throws: CheckpointError.self) { try run(PickleBuilder().op("N").op("r", [255, 255, 255, 255]).op("j", [255, 255, 255, 254]).end) }
    }

    @Test func containersThatAreMadeAndThrownAwayAreCounted() {
        expectLimit(PickleBuilder().op("}").bytes + repeated(Array("}b".utf8), 1_100_000))
    }

    private func repeated(_ bytes: [UInt8], _ count: Int) -> [UInt8] { Array(repeatElement(bytes, count: count).joined()) }

    @Test func aContainerCannotContainItself() {
        expectMalformed(PickleBuilder().op("]").op("q", [0]).op("h", [0]).op("a").end, "itself")
        expectMalformed(PickleBuilder().op("}").op("q", [0]).string("x").op("h", [0]).op("s").end, "itself")
    }

    @Test func aRingOfContainersIsNoStateDict() {
        let ring = PickleBuilder().op("}").op("q", [0]).string("state_dict").op("}").op("q", [1]).string("state_dict").op("h", [0]).op("s").op("s").end
        #expect { try open(ZipBuilder(pickle: ring).bytes) } throws: { error in
            guard case CheckpointError.malformed(_, "state dict", _) = error else { return false }
            return true
        }
    }

    @Test func lengthsBeyondTheEndAreRefused() {
        expectMalformed(PickleBuilder().op("X", [0xFF, 0xFF, 0xFF, 0xFF]).end, "beyond its end")
        expectMalformed(PickleBuilder().op(0x8C, [200]).end, "beyond its end")
        expectMalformed(PickleBuilder().op(0x8D, [UInt8](repeating: 0xFF, count: 8)).end, "beyond its end")
        expectMalformed(PickleBuilder().op(0x95, [UInt8](repeating: 0xFF, count: 8)).end, "beyond its end")
        expectMalformed(PickleBuilder().op(0x8B, [0xFF, 0xFF, 0xFF, 0xFF]).end, "4294967295 bytes")
        expectMalformed(PickleBuilder().op(0x8A, [9]).end, "9 bytes")
        expectMalformed(PickleBuilder().op("c", [UInt8](repeating: UInt8(ascii: "a"), count: 1000)).end, "256")
        expectMalformed(PickleBuilder().op("c", Array("abc".utf8)).bytes, "cut short")
    }

    @Test func misuseOfTheStackIsRefused() {
        for pickle in ["", ".", "a", "e", "s", "u", "t", "R", "b", "Q", "q\0", "h\0", "(.", "NN.", "](s", "]Na]a", "(a", "\u{85}", "N(\u{85}"] {
            let bytes = PickleBuilder().bytes + pickle.unicodeScalars.map { UInt8($0.value) }
            #expect(throws: CheckpointError.self, "\(pickle)") { try run(bytes) }
        }
        expectMalformed([0x80, 9, UInt8(ascii: "N"), UInt8(ascii: ".")], "protocol 9")
        expectMalformed(PickleBuilder().op("}").op("(").op("N").op("u").end, "no value")
    }

    @Test func integersOfEveryWidthAreRead() throws {
        func value(_ builder: PickleBuilder) throws -> PickleValue { try PickleMachine.run(builder.end, file: "x").value }
        #expect(try value(PickleBuilder().op(0x8A, [0])) == .integer(0))
        #expect(try value(PickleBuilder().op(0x8A, [1, 0xFF])) == .integer(-1))
        #expect(try value(PickleBuilder().op(0x8A, [2, 0xFF, 0x00])) == .integer(255))
        #expect(try value(PickleBuilder().integer(.min)) == .integer(.min))
        #expect(try value(PickleBuilder().op("J", [0xFE, 0xFF, 0xFF, 0xFF])) == .integer(-2))
        #expect(try value(PickleBuilder().op("M", [0x01, 0x02])) == .integer(513))
        #expect(try value(PickleBuilder().op("G", [0x3F, 0xF8, 0, 0, 0, 0, 0, 0])) == .float(1.5))
    }

    // MARK: Tensors that leave their storage

    @Test(arguments: [
        (4, 0, [5], [1]), (4, 1, [4], [1]), (4, 0, [2, 2], [3, 1]), (4, .max, [1], [1]), (4, 0, [2], [.max]), (4, 0, [.max], [0]), (4, 0, [1 << 40, 1 << 40], [0, 0]),
        (4, -1, [1], [1]), (4, 0, [-1], [1]), (4, 0, [2], [-1]), (4, 0, [2, 2], [1]), (5, 0, [4], [1]), (.max, 0, [4], [1]), (4, 0, [2, 3], [0, 1]),
        (4, 5, [0], [1]), (4, 0, [.max, 0], [.max, .max]),
    ] as [(Int, Int, [Int], [Int])]) func stridesAndOffsetsMustStayInside(count: Int, offset: Int, shape: [Int], strides: [Int]) {
        let pickle = PickleBuilder.one(count: count, offset: offset, shape: shape, strides: strides)
        #expect { try open(ZipBuilder(pickle: pickle, storages: ["0": [UInt8](repeating: 0, count: 16)]).bytes) } throws: { error in
            guard case CheckpointError.malformed = error else { return false }
            return true
        }
    }

    @Test(arguments: [ReadMode.mapped, .copied]) func extremesThatStayInsideAreRead(mode: ReadMode) throws {
        let numbers: [Float] = [0, 1, 2, 3]
        let storage = numbers.withUnsafeBytes { Array($0) }
        let cases: [(Int, [Int], [Int], [Float])] = [
            (0, [4], [1], numbers), (3, [1], [.max], [3]), (0, [2, 1, 2], [1, .max, 2], [0, 2, 1, 3]), (4, [0], [1], []), (0, [0, 1 << 62, 1 << 62], [1, 1, 1], []),
            (1, [2, 2], [0, 2], [1, 3, 1, 3]), (2, [], [], [2]),
        ]
        for (offset, shape, strides, expected) in cases {
            let pickle = PickleBuilder.one(count: 4, offset: offset, shape: shape, strides: strides)
            let archive = try open(ZipBuilder(pickle: pickle, storages: ["0": storage]).bytes, reading: mode)
            #expect(try values(archive.tensor("w"), Float.self) == expected, "\(shape) \(strides)")
            var streamed: [UInt8] = []
            try archive.withBlocks(of: "w") { streamed += Array($0) }
            #expect(streamed == expected.withUnsafeBytes { Array($0) })
        }
    }

    @Test func aStorageThatIsNotInTheArchiveIsRefused() {
        for key in ["1", "", "../0", "0/../0"] {
            let pickle = PickleBuilder.one(key: key, count: 4, shape: [4], strides: [1])
            #expect { try open(ZipBuilder(pickle: pickle, storages: ["0": [UInt8](repeating: 0, count: 16)]).bytes) } throws: { "\($0)".contains("not in the archive") }
        }
    }

    @Test func aNameThatOccursTwiceIsRefused() {
        let pickle = PickleBuilder().op("}").string("w").tensor(count: 1, shape: [1], strides: [1]).op("s")
            .string("w").tensor(count: 1, shape: [1], strides: [1]).op("s").end
        #expect { try open(ZipBuilder(pickle: pickle, storages: ["0": [0, 0, 0, 0]]).bytes) } throws: { "\($0)".contains("twice") }
    }

    @Test func anArchiveOfSomethingElseIsRefused() {
        for pickle in [PickleBuilder().op("N").end, PickleBuilder().op("]").end, PickleBuilder().op("}").end, PickleBuilder().op("}").integer(1).op("N").op("s").end] {
            #expect { try open(ZipBuilder(pickle: pickle).bytes) } throws: { error in
                guard case CheckpointError.malformed(_, "state dict", _) = error else { return false }
                return true
            }
        }
    }

    // MARK: Damage as a whole

    @Test func damagedArchivesAreRefusedOrValidButNeverCrash() throws {
        for name in ["views.pth", "protocol4.pth"] {
            let whole = try bytes(of: fixtures + "/torch/" + name)
            for seed in 0..<500 {
                var numbers = SeededNumbers(seed: UInt64(seed))
                guard let archive = try? open(whole.damaged(&numbers)) else { continue }
                for name in archive.names { _ = try rawBytes(archive.tensor(name)) }
            }
            for count in stride(from: 0, to: whole.count, by: 7) { #expect(throws: CheckpointError.self) { try open(Array(whole[..<count])) } }
        }
    }

    @Test func damagedPicklesAreRefusedOrValidButNeverCrash() throws {
        let storages = ["0": [UInt8](repeating: 0, count: 16)]
        let pickle = PickleBuilder.one(count: 4, shape: [2, 2], strides: [2, 1])
        var valid = 0
        for seed in 0..<4000 {
            var numbers = SeededNumbers(seed: UInt64(seed))
            if (try? run(pickle.damaged(&numbers))) != nil { valid += 1 }
        }
        #expect(valid > 0)
        for seed in 0..<500 {
            var numbers = SeededNumbers(seed: UInt64(seed))
            guard let archive = try? open(ZipBuilder(pickle: pickle.damaged(&numbers), storages: storages).bytes) else { continue }
            for name in archive.names { _ = try rawBytes(archive.tensor(name)) }
        }
    }
}
