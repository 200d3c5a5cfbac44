/// A strict reader of JSON text that goes from value to value and builds nothing that the caller did not ask for.
///
/// Foundation's decoder silently takes one of two equal keys and builds the whole tree first. Headers of tensor files come from
/// strangers and may be 100 MB: equal keys are refused here, and memory is bounded by what the caller keeps.
struct JSONScanner {
    /// A rule of JSON (or of the caller) was broken at a byte.
    struct Problem: Error {
        let position: Int
        let text: String
    }

    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func problem(_ text: String) -> Problem { Problem(position: position, text: text) }

    /// The next byte that is not blank, or nil at the end. Does not consume it.
    mutating func peek() -> UInt8? {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
        return position < bytes.count ? bytes[position] : nil
    }

    private mutating func take(_ character: Character) -> Bool {
        guard let byte = peek(), byte == character.asciiValue else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Character) throws {
        guard take(character) else { throw problem("expected \(character)") }
    }

    /// Makes sure that nothing but blanks follows.
    mutating func end() throws {
        if peek() != nil { throw problem("unexpected text after the value") }
    }

    /// Reads an object; `member` must consume the value of each key.
    mutating func object(_ member: (String, inout JSONScanner) throws -> Void) throws {
        try expect("{")
        var seen = Set<String>()
        if take("}") { return }
        repeat {
            let start = position
            let key = try string()
            guard seen.insert(key).inserted else { throw Problem(position: start, text: "the key \(quoted(key)) occurs twice") }
            try expect(":")
            try member(key, &self)
        } while take(",")
        try expect("}")
    }

    /// Reads an array of at most `limit` elements; `element` must consume each.
    mutating func array(limit: Int, _ element: (inout JSONScanner) throws -> Void) throws {
        try expect("[")
        if take("]") { return }
        var count = 0
        repeat {
            count += 1
            guard count <= limit else { throw problem("an array has more than \(limit) elements") }
            try element(&self)
        } while take(",")
        try expect("]")
    }

    /// Reads a whole number from 0 to `Int.max`.
    mutating func natural() throws -> Int {
        let start = position
        let text = try number()
        guard let value = Int(text), value >= 0 else {
            throw Problem(position: start, text: "\(quoted(text)) is not a whole number from 0 to \(Int.max)")
        }
        return value
    }

    /// Reads a number and returns its text, which follows JSON's grammar.
    mutating func number() throws -> String {
        _ = peek()
        let start = position
        if at("-") { position += 1 }
        if at("0") { position += 1 } else { try digits() }
        if at(".") {
            position += 1
            try digits()
        }
        if at("e") || at("E") {
            position += 1
            if at("+") || at("-") { position += 1 }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private func at(_ character: Character) -> Bool {
        position < bytes.count && bytes[position] == character.asciiValue
    }

    private mutating func digits() throws {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        guard position > start else { throw problem("expected a digit") }
    }

    /// Reads `true`, `false` or `null` if it stands here.
    mutating func literal(_ word: String) -> Bool {
        _ = peek()
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    /// Reads a string: valid UTF-8, no raw control characters, escapes resolved.
    mutating func string() throws -> String {
        try expect("\"")
        var text: [UInt8] = []
        while true {
            guard position < bytes.count else { throw problem("a string does not end") }
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw problem("a string is not valid UTF-8") }
                return string
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw problem("a control character stands in a string")
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws {
        guard position < bytes.count else { throw problem("a string does not end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var units = [try codeUnit()]
            if UTF16.isLeadSurrogate(units[0]), at("\\") {
                position += 1
                guard at("u") else { throw problem("half of a surrogate pair") }
                position += 1
                units.append(try codeUnit())
            }
            guard let string = String(validating: units, as: UTF16.self) else { throw problem("half of a surrogate pair") }
            text.append(contentsOf: string.utf8)
        default: throw problem("an unknown escape")
        }
    }

    private mutating func codeUnit() throws -> UInt16 {
        guard bytes.count - position >= 4 else { throw problem("a string does not end") }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = Character(UnicodeScalar(bytes[position])).hexDigitValue, bytes[position] < 0x80 else {
                throw problem("expected a hexadecimal digit")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}
