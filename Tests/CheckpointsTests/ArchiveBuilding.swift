@testable import Checkpoints

/// A safetensors file from a header that may say anything.
func safetensors(_ header: String, data count: Int = 0) -> [UInt8] {
    let text = Array(header.utf8)
    return littleEndian(UInt64(text.count)) + text + (0..<count).map { UInt8(truncatingIfNeeded: $0) }
}

func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// A zip file of stored entries whose records can be made to lie.
struct ZipBuilder {
    struct Record {
        var name: String
        var data: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0x800
        /// What the records say instead of the truth.
        var directorySize: UInt32?
        var localSize: UInt32?
        var offset: UInt32?
        var checksum: UInt32?
        var localName: String?
        /// Sizes and offset in the zip64 field of the directory instead of their places.
        var wide: [UInt64]?
    }

    var records: [Record]
    var count: UInt16?
    var directoryOffset: UInt32?
    var comment: [UInt8] = []

    init(_ files: [(String, [UInt8])]) { records = files.map { Record(name: $0.0, data: $0.1) } }

    /// A torch archive with this pickle and these storages.
    init(pickle: [UInt8], storages: [String: [UInt8]] = [:]) {
        self.init([("a/data.pkl", pickle)] + storages.sorted { $0.key < $1.key }.map { ("a/data/" + $0.key, $0.value) })
    }

    var bytes: [UInt8] {
        var out: [UInt8] = []
        var directory: [UInt8] = []
        for record in records {
            let start = UInt32(out.count)
            let size = UInt32(record.data.count)
            let checksum = record.checksum ?? CRC32.of(record.data)
            let localName = record.localName ?? record.name
            let extra = record.wide.map { littleEndian(UInt16(1)) + littleEndian(UInt16($0.count * 8)) + $0.flatMap(littleEndian) } ?? []
            func common(_ size: UInt32, _ name: String, extra: Int = 0) -> [UInt8] {
                littleEndian(record.flags) + littleEndian(record.method) + littleEndian(UInt32(0)) + littleEndian(checksum)
                    + littleEndian(size) + littleEndian(size) + littleEndian(UInt16(name.utf8.count)) + littleEndian(UInt16(extra))
            }
            out += [0x50, 0x4B, 3, 4, 0, 0] + common(record.localSize ?? size, localName) + Array(localName.utf8) + record.data
            directory += [0x50, 0x4B, 1, 2, 0, 0, 0, 0] + common(record.directorySize ?? size, record.name, extra: extra.count)
            directory += [UInt8](repeating: 0, count: 10) + littleEndian(record.offset ?? start) + Array(record.name.utf8) + extra
        }
        let number = count ?? UInt16(records.count)
        let start = directoryOffset ?? UInt32(out.count)
        out += directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + littleEndian(number) + littleEndian(number)
        return out + littleEndian(UInt32(directory.count)) + littleEndian(start) + littleEndian(UInt16(comment.count)) + comment
    }
}

/// A pickle, opcode by opcode.
struct PickleBuilder {
    var bytes: [UInt8] = [0x80, 2]

    func op(_ opcode: UInt8, _ argument: [UInt8] = []) -> PickleBuilder {
        var next = self
        next.bytes += [opcode] + argument
        return next
    }

    func op(_ character: Character, _ argument: [UInt8] = []) -> PickleBuilder { op(character.asciiValue ?? 0, argument) }

    func global(_ module: String, _ name: String) -> PickleBuilder { op("c", Array("\(module)\n\(name)\n".utf8)) }

    func string(_ text: String) -> PickleBuilder { op("X", littleEndian(UInt32(text.utf8.count)) + Array(text.utf8)) }

    func integer(_ value: Int) -> PickleBuilder { op(0x8A, [8] + littleEndian(Int64(value))) }

    func numbers(_ values: [Int]) -> PickleBuilder { values.reduce(op("(")) { $0.integer($1) }.op("t") }

    /// A tensor over the storage `key`.
    func tensor(
        key: String = "0", type: String = "FloatStorage", count: Int, offset: Int = 0, shape: [Int], strides: [Int]
    ) -> PickleBuilder {
        global("torch._utils", "_rebuild_tensor_v2").op("(")
            .op("(").string("storage").global("torch", type).string(key).string("cpu").integer(count).op("t").op("Q")
            .integer(offset).numbers(shape).numbers(strides).op(0x89).global("collections", "OrderedDict").op(")").op("R").op("t").op("R")
    }

    var end: [UInt8] { bytes + [UInt8(ascii: ".")] }

    /// `{"w": <one tensor>}`
    static func one(
        key: String = "0", type: String = "FloatStorage", count: Int, offset: Int = 0, shape: [Int], strides: [Int]
    ) -> [UInt8] {
        PickleBuilder().op("}").string("w")
            .tensor(key: key, type: type, count: count, offset: offset, shape: shape, strides: strides).op("s").end
    }
}

/// A sequence of numbers that is the same in every run.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

extension [UInt8] {
    /// A copy with a few bits flipped, or bytes replaced, or the end cut off.
    func damaged(_ numbers: inout SeededNumbers) -> [UInt8] {
        var copy = self
        guard !copy.isEmpty else { return copy }
        if Int.random(in: 0..<4, using: &numbers) == 0 { copy.removeLast(Int.random(in: 1...copy.count, using: &numbers)) }
        guard !copy.isEmpty else { return copy }
        for _ in 0..<Int.random(in: 1...4, using: &numbers) {
            let place = Int.random(in: 0..<copy.count, using: &numbers)
            switch Int.random(in: 0..<3, using: &numbers) {
            case 0: copy[place] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
            case 1: copy[place] = UInt8.random(in: 0...255, using: &numbers)
            default: copy[place] = [0, 0xFF, 0x7F, 0x80, UInt8(ascii: "9"), UInt8(ascii: "\"")].randomElement(using: &numbers) ?? 0
            }
        }
        return copy
    }
}
