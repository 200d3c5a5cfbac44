import StrictJSON

/// Builds the tree of a JSON text, for tokeniser files.
enum JSONParser {
    /// What is wrong, and at which byte.
    struct Failure: Error {
        var offset: Int
        var reason: String
    }

    /// Parses one whole JSON text in UTF-8.
    static func parse(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
        // Some editors put a byte order mark first.
        let mark = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        var scanner = JSONScanner(mark == 0 ? bytes : Array(bytes.dropFirst(mark)))
        do {
            let value = try scanner.tree(depth: 0)
            try scanner.end()
            return value
        } catch let problem as JSONScanner.Problem {
            throw Failure(offset: problem.position + mark, reason: problem.text)
        } catch {
            throw Failure(offset: scanner.position + mark, reason: "\(error)")
        }
    }

    fileprivate static let deepestNesting = 64
}

extension JSONScanner {
    fileprivate mutating func tree(depth: Int) throws -> JSONValue {
        guard depth < JSONParser.deepestNesting else { throw problem("it is nested deeper than \(JSONParser.deepestNesting) levels") }
        switch peek() {
        case nil: throw problem("the text ends where a value is expected")
        case UInt8(ascii: "{"):
            var members: [(name: String, value: JSONValue)] = []
            try object { name, scanner in members.append((name, try scanner.tree(depth: depth + 1))) }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try array(limit: .max) { elements.append(try $0.tree(depth: depth + 1)) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try string())
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            let text = try number()
            if !text.contains(where: { ".eE".contains($0) }), let value = Int(text) { return .integer(value) }
            guard let value = Double(text) else { throw problem("a number cannot be read") }
            return .real(value)
        default:
            if literal("null") { return .null }
            if literal("true") { return .bool(true) }
            if literal("false") { return .bool(false) }
            throw problem("a value is expected")
        }
    }
}
