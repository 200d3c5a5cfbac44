import Tensors

/// What can go wrong when a checkpoint is opened, read, digested, split or written.
///
/// Every case names the file (or folder) and the part of it that is at fault; the description is one sentence for people.
public enum CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The operating system refused something: opening, reading, mapping, writing or renaming.
    case system(file: String, operation: String, reason: String)
    /// The bytes of a file break the rules of its format. `field` names the part, `problem` the rule.
    case malformed(file: String, field: String, problem: String)
    /// A length or count in a file is larger than we accept.
    case limit(file: String, field: String, value: Int, limit: Int)
    /// The format is known, but not one that we read; `hint` says what to do instead.
    case unsupported(file: String, what: String, hint: String)
    /// A pickle asks for something outside the allow-list. Nothing was executed.
    case refusedPickle(file: String, what: String)
    /// A tensor that is needed is not in the checkpoint.
    case missingTensor(file: String, tensor: String)
    /// A tensor has another number type or shape than needed.
    case mismatch(file: String, tensor: String, expected: String, found: String)
    /// A folder lacks a file that is needed; `hint` says what was looked for or what to do.
    case missingFile(folder: String, what: String, hint: String)
    /// An image tower that is only named on a model hub: nothing is fetched from there.
    case towerNotLocal(name: String, config: String)
    /// An output folder exists and is not empty.
    case outputExists(folder: String)
    /// The request itself is impossible, for example an expert number that the checkpoint does not have.
    case request(String)
    /// A recomputed digest differs from the recorded one.
    case digest(file: String, tensor: String, recorded: String, computed: String)

    public var description: String {
        switch self {
        case .system(let file, let operation, let reason):
            "\(quoted(file)): \(operation) failed: \(reason)"
        case .malformed(let file, let field, let problem):
            "\(quoted(file)) is damaged or not of its format: \(field): \(problem); fetch or save the file again"
        case .limit(let file, let field, let value, let limit):
            "\(quoted(file)): \(field) is \(value), but at most \(limit) is accepted"
        case .unsupported(let file, let what, let hint):
            "\(quoted(file)): \(what) is not supported; \(hint)"
        case .refusedPickle(let file, let what):
            "\(quoted(file)): refused: the pickle inside uses \(what), which no plain archive of tensors needs; nothing was executed. Save the weights again as safetensors"
        case .missingTensor(let file, let tensor):
            "\(quoted(file)) has no tensor \(quoted(tensor)); check that the checkpoint is complete and matches its config.json"
        case .mismatch(let file, let tensor, let expected, let found):
            "\(quoted(file)): tensor \(quoted(tensor)) is \(found), but \(expected) is needed; check that config.json belongs to these weights"
        case .missingFile(let folder, let what, let hint):
            "\(quoted(folder)) has no \(what); \(hint)"
        case .towerNotLocal(let name, let config):
            "\(quoted(config)) names the image tower \(quoted(name)), which is not a folder here and is not inside the checkpoint; nothing is fetched from model hubs: download it and pass its folder with --image-tower DIR"
        case .outputExists(let folder):
            "\(quoted(folder)) exists and is not empty; choose a new folder for the output"
        case .request(let text):
            text
        case .digest(let file, let tensor, let recorded, let computed):
            "\(quoted(file)): \(quoted(tensor)) has the digest \(computed), but \(recorded) is recorded; the file was changed after it was written or digested"
        }
    }
}

/// Text from outside, made fit for a one-line message: control characters escaped, long text cut.
package func quoted(_ text: String) -> String {
    var out = "'"
    for (count, scalar) in text.unicodeScalars.enumerated() {
        if count == 240 {
            out += "…"
            break
        }
        out += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return out + "'"
}
