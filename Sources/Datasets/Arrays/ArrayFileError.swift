import Checkpoints

/// What can be wrong with a file of arrays. The description names the file, the array, what is wrong and the next step.
public enum ArrayFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The zip archive cannot be opened, or breaks its format's rules; what that says.
    case archive(CheckpointError)
    /// There is no such array.
    case missing(file: String, array: String, known: [String])
    /// The bytes of an array break the rules of their format.
    case malformed(file: String, array: String, problem: String)
    /// The array is of a kind that is not read.
    case unsupported(file: String, array: String, what: String)
    /// More than is accepted.
    case limit(file: String, array: String, field: String, value: Int, limit: Int)

    public var description: String {
        switch self {
        case .archive(let error): "\(error)"
        case .missing(let file, let array, let known):
            "\(file) has no array \(quoted(array)); it has \(known.isEmpty ? "none" : known.map(quoted).joined(separator: ", "))"
        case .malformed(let file, let array, let problem):
            "\(file): the array \(quoted(array)) is damaged: \(problem); fetch or save the file again"
        case .unsupported(let file, let array, let what):
            "\(file): the array \(quoted(array)) has \(what); save it again as uint8, int64 or float32, little-endian, in C order"
        case .limit(let file, let array, let field, let value, let limit):
            "\(file): \(field) of the array \(quoted(array)) is \(value), but at most \(limit) is accepted; split the file"
        }
    }
}
