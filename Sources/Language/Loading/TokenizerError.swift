/// Why a tokeniser could not be loaded.
public enum TokenizerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The folder holds none of the kinds of tokeniser that we read.
    case notFound(folder: String, lookedFor: [String])
    /// A file is missing, no regular file, or cannot be read.
    case unreadable(file: String, reason: String)
    /// A file is larger than any tokeniser's.
    case tooLarge(file: String, bytes: Int, limit: Int)
    /// A file says something that cannot be: `entry` says where.
    case malformed(file: String, entry: String, reason: String)
    /// A file asks for something that this tokeniser does not do.
    case unsupported(file: String, entry: String, value: String, supported: String)

    public var description: String {
        switch self {
        case .notFound(let folder, let lookedFor):
            return "\(folder) has no tokenizer: looked for \(lookedFor.joined(separator: ", ")). "
                + "Copy the tokenizer files of the checkpoint there."
        case .unreadable(let file, let reason):
            return "\(file) cannot be read: \(reason)."
        case .tooLarge(let file, let bytes, let limit):
            return "\(file) has \(bytes) bytes; a tokenizer file may have at most \(limit)."
        case .malformed(let file, let entry, let reason):
            return "\(file): \(entry): \(reason)."
        case .unsupported(let file, let entry, let value, let supported):
            return "\(file): \(entry) is \(value), which is not supported. Supported: \(supported)."
        }
    }
}

/// A short, printable form of a text from a file, for an error message.
func quoted(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(60).map { $0.value < 0x20 || $0.value == 0x7F ? $0.escaped(asASCII: true) : String($0) }
    return "\"" + shown.joined() + (text.unicodeScalars.count > 60 ? "…" : "") + "\""
}
