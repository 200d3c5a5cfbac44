import Checkpoints

/// The header of a `.npy` file: its numbers' type, their order and the shape.
///
/// Format: `numpy.lib.format`, versions 1.0 to 3.0: the magic bytes, a version, the header's length, and a Python dictionary of exactly three
/// keys, which is read by a scanner that knows nothing else of Python.
struct NPYHeader: Equatable {
    /// Longest header, in bytes.
    static let lengthLimit = 1 << 16
    /// Most axes, NumPy's own limit.
    static let axisLimit = 32

    /// The number type as NumPy spells it, such as `<f4`.
    let type: String
    let isFortranOrder: Bool
    let shape: [Int]
    /// Where the numbers start.
    let dataStart: Int

    /// A rule of the format was broken.
    struct Problem: Error { let text: String }

    init(_ bytes: [UInt8]) throws(Problem) {
        var reader = LittleEndianReader(bytes[...])
        guard let magic = reader.next(count: 6), magic.elementsEqual([0x93] + Array("NUMPY".utf8)), let major: UInt8 = reader.next(),
            reader.next(UInt8.self) != nil
        else { throw Problem(text: "it does not begin as a .npy file does") }
        guard (1...3).contains(major) else { throw Problem(text: "its version is \(major); known are 1 to 3") }
        let length = major == 1 ? reader.next(UInt16.self).map(Int.init) : reader.next(UInt32.self).map(Int.init)
        guard let length else { throw Problem(text: "its header is cut short") }
        guard length <= Self.lengthLimit else { throw Problem(text: "its header has \(length) bytes, more than \(Self.lengthLimit)") }
        guard let text = reader.next(count: length) else { throw Problem(text: "its header is cut short") }
        dataStart = reader.position
        var scanner = PythonLiteral(text)
        try scanner.expect("{")
        var type: String?
        var isFortranOrder: Bool?
        var shape: [Int]?
        while try !scanner.take("}") {
            let key = try scanner.string()
            try scanner.expect(":")
            switch key {
            case "descr" where type == nil: type = try scanner.string()
            case "fortran_order" where isFortranOrder == nil: isFortranOrder = try scanner.bool()
            case "shape" where shape == nil: shape = try scanner.tuple(limit: Self.axisLimit)
            default: throw Problem(text: "its header has the key \(quoted(key)) twice, or where it has no place")
            }
            guard try scanner.take(",") else {
                try scanner.expect("}")
                break
            }
        }
        try scanner.end()
        guard let type, let isFortranOrder, let shape else {
            throw Problem(text: "its header lacks 'descr', 'fortran_order' or 'shape'")
        }
        self.type = type
        self.isFortranOrder = isFortranOrder
        self.shape = shape
    }
}

/// Reads the few forms of Python literals that a `.npy` header has.
private struct PythonLiteral {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    private func problem(_ text: String) -> NPYHeader.Problem {
        .init(text: "its header has no \(text) at byte \(position)")
    }

    private mutating func peek() -> UInt8? {
        while position < bytes.endIndex, bytes[position] == 0x20 || bytes[position] == 0x0A { position += 1 }
        return position < bytes.endIndex ? bytes[position] : nil
    }

    mutating func take(_ character: Character) throws(NPYHeader.Problem) -> Bool {
        guard let byte = peek() else { throw problem("\(character)") }
        guard byte == character.asciiValue else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Character) throws(NPYHeader.Problem) {
        guard try take(character) else { throw problem("\(character)") }
    }

    mutating func end() throws(NPYHeader.Problem) {
        guard peek() == nil else { throw problem("end") }
    }

    /// A quoted word without escapes.
    mutating func string() throws(NPYHeader.Problem) -> String {
        guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { throw problem("string") }
        let rest = bytes[(position + 1)...]
        guard let end = rest.firstIndex(of: quote), !rest[..<end].contains(UInt8(ascii: "\\")),
            let text = String(validating: rest[..<end], as: UTF8.self)
        else { throw problem("plain string") }
        position = end + 1
        return text
    }

    mutating func bool() throws(NPYHeader.Problem) -> Bool {
        _ = peek()
        for (word, value) in [("True", true), ("False", false)] where bytes[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw problem("True or False")
    }

    mutating func tuple(limit: Int) throws(NPYHeader.Problem) -> [Int] {
        try expect("(")
        var values: [Int] = []
        while try !take(")") {
            guard values.count < limit else { throw .init(text: "its shape has more than \(limit) axes") }
            _ = peek()
            let digits = bytes[position...].prefix { (0x30...0x39).contains($0) }
            guard let value = Int(String(decoding: digits, as: UTF8.self)) else { throw problem("whole number") }
            position = digits.endIndex
            values.append(value)
            guard try take(",") else {
                try expect(")")
                break
            }
        }
        return values
    }
}
