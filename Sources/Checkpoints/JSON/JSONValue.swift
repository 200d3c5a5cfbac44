import StrictJSON

/// A JSON document in memory, with its members in their order and its numbers as they were written.
///
/// A configuration that is changed in one key comes back with everything else unchanged: no number is rounded, no key is lost.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The text of the number.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// One key of an object with its value.
    package struct Member: Sendable, Equatable {
        package let key: String
        package var value: JSONValue
    }

    /// Deepest nesting that is read.
    static let depthLimit = 64
    /// Longest array that is read.
    static let elementLimit = 1 << 20

    /// Reads a whole file of at most `limit` bytes.
    static func read(path: String, limit: Int = 4 << 20) throws -> JSONValue {
        let bytes = try CheckpointFile.contents(of: path, limit: limit)
        do {
            var scanner = JSONScanner(bytes)
            let value = try scanner.value()
            try scanner.end()
            return value
        } catch let problem as JSONScanner.Problem {
            throw CheckpointError.malformed(file: path, field: "JSON", problem: "\(problem.text), at byte \(problem.position)")
        }
    }

    /// A member of an object; reading gives nil where there is none, setting nil removes it, a new one goes to the end.
    package subscript(_ key: String) -> JSONValue? {
        get {
            guard case .object(let members) = self else { return nil }
            return members.first { $0.key == key }?.value
        }
        set {
            guard case .object(var members) = self else { return }
            let place = members.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil): members.remove(at: place)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
            self = .object(members)
        }
    }

    /// The text of a string, else nil.
    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The value of a whole number, else nil.
    var integer: Int? {
        if case .number(let text) = self { Int(text) } else { nil }
    }

    /// The members of an object as a dictionary of those that are strings.
    var strings: [String: String] {
        guard case .object(let members) = self else { return [:] }
        return members.reduce(into: [:]) { $0[$1.key] = $1.value.text }
    }

    /// The document as indented text.
    var rendered: String { render(indent: "") }

    private func render(indent: String) -> String {
        let inner = indent + "  "
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .number(let text): return text
        case .string(let text): return JSONValue.literal(text)
        case .array(let values):
            if values.isEmpty { return "[]" }
            return "[\n" + values.map { inner + $0.render(indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members):
            if members.isEmpty { return "{}" }
            return "{\n"
                + members.map { "\(inner)\(JSONValue.literal($0.key)): \($0.value.render(indent: inner))" }.joined(separator: ",\n")
                + "\n\(indent)}"
        }
    }

    /// A string as JSON text, in quotes.
    static func literal(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

extension JSONScanner {
    /// Reads whatever value stands here, nested at most `JSONValue.depthLimit` deep.
    package mutating func value(depth: Int = 0) throws -> JSONValue {
        guard depth < JSONValue.depthLimit else { throw problem("nested deeper than \(JSONValue.depthLimit)") }
        switch peek() {
        case UInt8(ascii: "{"):
            var members: [JSONValue.Member] = []
            try object { key, scanner in members.append(.init(key: key, value: try scanner.value(depth: depth + 1))) }
            return .object(members)
        case UInt8(ascii: "["):
            var values: [JSONValue] = []
            try array(limit: JSONValue.elementLimit) { values.append(try $0.value(depth: depth + 1)) }
            return .array(values)
        case UInt8(ascii: "\""): return .string(try string())
        default:
            if literal("null") { return .null }
            if literal("true") { return .bool(true) }
            if literal("false") { return .bool(false) }
            return .number(try number())
        }
    }

    /// Reads a value and keeps nothing of it.
    mutating func skip(depth: Int = 0) throws {
        guard depth < JSONValue.depthLimit else { throw problem("nested deeper than \(JSONValue.depthLimit)") }
        switch peek() {
        case UInt8(ascii: "{"): try object { try $1.skip(depth: depth + 1) }
        case UInt8(ascii: "["): try array(limit: .max) { try $0.skip(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string()
        default:
            if !literal("null"), !literal("true"), !literal("false") { _ = try number() }
        }
    }
}
