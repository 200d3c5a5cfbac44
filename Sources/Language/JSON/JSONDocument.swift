import Foundation

/// A JSON file with the look-ups and the errors that the tokeniser readers share.
struct JSONDocument {
    let file: String
    let root: JSONValue

    /// Reads and parses a file.
    init(_ url: URL) throws(TokenizerError) {
        file = url.path
        let bytes = try TokenizerFile.read(url)
        do {
            root = try JSONParser.parse(bytes)
        } catch {
            throw .malformed(file: url.path, entry: "byte \(error.offset)", reason: error.reason)
        }
    }

    func malformed(_ entry: String, _ reason: String) -> TokenizerError {
        .malformed(file: file, entry: entry, reason: reason)
    }

    func unsupported(_ entry: String, _ value: JSONValue, _ supported: String) -> TokenizerError {
        .unsupported(file: file, entry: entry, value: value.kind, supported: supported)
    }

    /// A member that must be a string.
    func string(_ value: JSONValue?, _ entry: String) throws(TokenizerError) -> String {
        guard case .string(let string) = value else { throw malformed(entry, "a string is expected, found \(found(value))") }
        return string
    }

    /// A member that is true or false; nothing or null is the default.
    func flag(_ value: JSONValue?, _ entry: String, default fallback: Bool) throws(TokenizerError) -> Bool {
        if JSONValue.isNull(value) { return fallback }
        guard case .bool(let flag) = value else { throw malformed(entry, "true or false is expected, found \(found(value))") }
        return flag
    }

    /// A token id: a whole number from 0 to below `TokenBytes.mostTokens`.
    func tokenID(_ value: JSONValue?, _ entry: String) throws(TokenizerError) -> Int {
        guard case .integer(let id) = value, id >= 0, id < TokenBytes.mostTokens else {
            throw malformed(entry, "a token id from 0 to \(TokenBytes.mostTokens - 1) is expected, found \(found(value))")
        }
        return id
    }

    /// A member that must be an object.
    func members(_ value: JSONValue?, _ entry: String) throws(TokenizerError) -> [(name: String, value: JSONValue)] {
        guard case .object(let members) = value else { throw malformed(entry, "an object is expected, found \(found(value))") }
        return members
    }

    /// A member that must be an array.
    func elements(_ value: JSONValue?, _ entry: String) throws(TokenizerError) -> [JSONValue] {
        guard case .array(let elements) = value else { throw malformed(entry, "an array is expected, found \(found(value))") }
        return elements
    }

    private func found(_ value: JSONValue?) -> String { value?.kind ?? "nothing" }
}
