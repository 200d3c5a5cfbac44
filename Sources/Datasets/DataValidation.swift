import Checkpoints

/// A pass over all entries of all files before anything starts: every problem is found at once, not one per attempt.
public struct DataValidation: Sendable {
    public var rules: DataRules
    /// Whether bad entries are left out and counted. If not, one of them is enough to refuse everything.
    public var skipsBad: Bool

    public init(rules: DataRules, skipsBad: Bool = false) {
        self.rules = rules
        self.skipsBad = skipsBad
    }

    /// Reads and checks files.
    ///
    /// Takes about as long as reading the files and their images once; blocks the thread.
    /// - Parameter progress: called after each entry that follows the format, with how many of them are done of how many.
    /// - Throws: `DataRefusal` when an entry is bad and `skipsBad` is false, when a file cannot be read, or when nothing is left of one; and
    ///   `CancellationError`.
    public func run(files: [String], progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) throws -> ValidatedData {
        var read: [ConversationFile] = []
        for file in files {
            try Task.checkCancellation()
            read.append(ConversationFile.read(file, allowsTextOnly: rules.allowsTextOnly))
        }
        let entries = read.reduce(0) { $0 + $1.entryCount }
        let total = read.reduce(0) { $0 + $1.conversations.count }
        var done = 0
        var images = ImageChecks(rules)
        var result = ValidatedData(files: [], problems: [], entryCount: entries)
        for file in read {
            var good: [Conversation] = []
            var bad = file.problems
            for conversation in file.conversations {
                try Task.checkCancellation()
                if let problem = problem(with: conversation, of: file.path, &images) { bad.append(problem) } else { good.append(conversation) }
                done += 1
                progress(done, total)
            }
            result.files.append(.init(path: file.path, conversations: good))
            result.problems += bad.sorted { ($0.entry ?? .max) < ($1.entry ?? .max) }
        }
        if !result.problems.isEmpty, !skipsBad { throw DataRefusal(problems: result.problems, entryCount: entries, reason: .bad) }
        let unreadable = result.problems.filter { $0.kind == .unreadableFile }
        guard unreadable.isEmpty else { throw DataRefusal(problems: unreadable, entryCount: entries, reason: .unreadable) }
        if let empty = result.files.first(where: \.conversations.isEmpty) {
            throw DataRefusal(problems: result.problems.filter { $0.file == empty.path }, entryCount: entries, reason: .nothingLeft(file: empty.path))
        }
        return result
    }

    /// The first thing that is wrong with an entry, cheap checks first.
    private func problem(with conversation: Conversation, of file: String, _ images: inout ImageChecks) -> DataProblem? {
        func problem(_ kind: DataProblem.Kind, _ found: String, _ advice: String) -> DataProblem {
            DataProblem(kind, file: file, entry: conversation.entry, id: conversation.id, found: found, advice: advice)
        }
        if rules.needsAnswerType, conversation.answerType == nil {
            return problem(.missingField, "has no 'answer_type'", "write OPEN or CLOSED: the answer's score depends on it")
        }
        if let label = conversation.modality, let known = rules.modalities, !known.contains(label) {
            let names = known.sorted().joined(separator: ", ")
            return problem(.unknownLabel, "the modality \(quoted(label)) is unknown", "known are \(names), and null")
        }
        if let image = conversation.image, let failure = images.failure(of: image) {
            let advice = switch failure.kind {
            case .unsafePath: "write a path below the folder of images"
            case .missingImage: "check the folder of images and the path"
            default: "save the image again as JPEG or PNG"
            }
            return problem(failure.kind, failure.description, advice)
        }
        guard let length = rules.length else { return nil }
        do {
            let rows = try length.rows(conversation)
            guard rows > length.limit else { return nil }
            return problem(.tooLong, "takes \(rows) tokens with its answer; the model's context is \(length.limit)", "shorten the answer")
        } catch {
            return problem(.tooLong, "makes no prompt: \(error)", "change its text")
        }
    }
}

/// What was found out about images, each looked at once.
private struct ImageChecks {
    private let folder: ImageFolder?
    private let decode: (@Sendable ([UInt8], String) throws -> Void)?
    private var known: [String: ImageFolder.Failure?] = [:]

    init(_ rules: DataRules) {
        folder = rules.images
        decode = rules.decode
    }

    mutating func failure(of image: String) -> ImageFolder.Failure? {
        guard let folder else { return nil }
        if let found = known[image] { return found }
        let found = look(image, in: folder)
        known[image] = .some(found)
        return found
    }

    private func look(_ image: String, in folder: ImageFolder) -> ImageFolder.Failure? {
        let bytes: [UInt8]
        do {
            bytes = try folder.bytes(of: image)
        } catch {
            return error
        }
        do {
            try decode?(bytes, image)
            return nil
        } catch {
            return ImageFolder.Failure(kind: .badImage, description: "the image does not decode: \(error)")
        }
    }
}
