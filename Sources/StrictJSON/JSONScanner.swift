/// A strict reader of JSON text that goes from value to value and builds nothing that the caller did not ask for.
///
/// Foundation's decoder silently takes one of two equal keys, compares keys by canonical equivalence, and builds the whole tree first.
/// Headers of tensor files come from strangers and may be 100 MB, and in a vocabulary two spellings of one character are two tokens: keys are
/// compared byte by byte here, equal ones are refused, and memory is bounded by what the caller keeps.
package struct JSONScanner {
    /// A rule of JSON (or of the caller) was broken at a byte.
    package struct Problem: Error {
        package let position: Int
        package let text: String
    }

    private let bytes: [UInt8]
    package private(set) var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package func problem(_ text: String) -> Problem { Problem(position: position, text: text) }

    /// The next byte that is not blank, or nil at the end. Does not consume it.
    package mutating func peek() -> UInt8? {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
        return position < bytes.count ? bytes[position] : nil
    }

    private mutating func take(_ character: Character) -> Bool {
        guard let byte = peek(), byte == character.asciiValue else { return false }
        position += 1
        return true
    }

    package mutating func expect(_ character: Character) throws {
        guard take(character) else { throw problem("expected \(character)") }
    }

    /// Makes sure that nothing but blanks follows.
    package mutating func end() throws {
        if peek() != nil { throw problem("there is more text after the end of the value") }
    }

    /// Reads an object; `member` must consume the value of each key.
    package mutating func object(_ member: (String, inout JSONScanner) throws -> Void) throws {
        try expect("{")
        var seen = Set<UTF8Key>()
        if take("}") { return }
        repeat {
            let start = position
            let key = try string()
            guard seen.insert(UTF8Key(key)).inserted else {
                throw Problem(position: start, text: "the key '\(JSONScanner.printable(key))' occurs twice")
            }
            try expect(":")
            try member(key, &self)
        } while take(",")
        try expect("}")
    }

    /// Reads an array of at most `limit` elements; `element` must consume each.
    package mutating func array(limit: Int, _ element: (inout JSONScanner) throws -> Void) throws {
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
    package mutating func natural() throws -> Int {
        let start = position
        let text = try number()
        guard let value = Int(text), value >= 0 else {
            throw Problem(position: start, text: "\(text) is not a whole number from 0 to \(Int.max)")
        }
        return value
    }

    /// Reads a number and returns its text, which follows JSON's grammar.
    package mutating func number() throws -> String {
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
    package mutating func literal(_ word: String) -> Bool {
        _ = peek()
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    /// Reads a string: valid UTF-8, no raw control characters, escapes resolved.
    package mutating func string() throws -> String {
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

    /// The beginning of a text that a stranger wrote, fit for a message.
    private static func printable(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : String($0) }.joined()
        return text.unicodeScalars.count > 80 ? shown + "…" : shown
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
