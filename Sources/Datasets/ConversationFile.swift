import Checkpoints
import StrictJSON

/// The conversations of one file: a JSON array in the LLaVA conversation format, or one such entry per line (JSONL).
public struct ConversationFile: Sendable {
    /// Largest file, in bytes.
    public static let sizeLimit = 2 << 30
    /// Most entries of a file.
    public static let entryLimit = 1 << 24

    /// The path, as it was given.
    public let path: String
    /// The entries that follow the rules, in the order of the file.
    public let conversations: [Conversation]
    /// What is wrong with the others, at most one problem each, in the order of the file.
    public let problems: [DataProblem]
    /// Entries that were seen, good and bad.
    public let entryCount: Int

    /// Reads a whole file. What is wrong with it is in `problems`, also when it cannot be read at all.
    ///
    /// - Parameter allowsTextOnly: whether entries without an image are welcome. If not, each is a problem: of mixed layouts where other
    ///   entries of the file have images.
    public static func read(_ path: String, allowsTextOnly: Bool = false) -> ConversationFile {
        let bytes: [UInt8]
        do {
            bytes = try CheckpointFile.contents(of: path, limit: sizeLimit)
        } catch {
            let problem = DataProblem(.unreadableFile, file: path, found: "cannot be read: \(error)", advice: "check the path and its permissions")
            return ConversationFile(path: path, conversations: [], problems: [problem], entryCount: 0)
        }
        return ConversationFile(bytes: bytes, path: path, allowsTextOnly: allowsTextOnly)
    }

    private init(path: String, conversations: [Conversation], problems: [DataProblem], entryCount: Int) {
        self.path = path
        self.conversations = conversations
        self.problems = problems
        self.entryCount = entryCount
    }

    /// - Parameter path: how messages call the file.
    init(bytes: [UInt8], path: String, allowsTextOnly: Bool = false) {
        var reading = Reading(path: path)
        let first = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        switch first {
        case UInt8(ascii: "["): reading.array(bytes)
        case UInt8(ascii: "{"): reading.lines(bytes)
        case nil: break
        case .some:
            reading.problems.append(
                DataProblem(.brokenJSON, file: path, found: "begins neither with [ nor with {", advice: "give a JSON array of entries, or one entry per line"))
        }
        if reading.count == 0, reading.problems.isEmpty {
            reading.problems.append(DataProblem(.emptyFile, file: path, found: "has no entries", advice: "give a file with entries"))
        }
        if !allowsTextOnly { reading.refuseTextOnly() }
        self.init(
            path: path, conversations: reading.conversations,
            problems: reading.problems.sorted { ($0.entry ?? .max) < ($1.entry ?? .max) }, entryCount: reading.count)
    }
}

/// What has been read of a file so far.
private struct Reading {
    let path: String
    var conversations: [Conversation] = []
    var problems: [DataProblem] = []
    var count = 0

    init(path: String) { self.path = path }

    mutating func array(_ bytes: [UInt8]) {
        var scanner = JSONScanner(bytes)
        do {
            try scanner.array(limit: ConversationFile.entryLimit) { scanner in
                add(try scanner.value())
            }
            try scanner.end()
        } catch let problem as JSONScanner.Problem {
            let line = bytes[..<min(problem.position, bytes.count)].count { $0 == 0x0A } + 1
            broken(problem, line: line, position: problem.position, advice: "repair it there; no entry from there on was read")
        } catch {
            // The scanner throws nothing else.
            problems.append(DataProblem(.brokenJSON, file: path, entry: count, found: "\(error)", advice: "repair the file"))
        }
    }

    mutating func lines(_ bytes: [UInt8]) {
        var number = 0
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            guard line.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
            guard count < ConversationFile.entryLimit else {
                let advice = "split the file"
                return problems.append(
                    DataProblem(.brokenJSON, file: path, entry: count, found: "has more than \(ConversationFile.entryLimit) entries", advice: advice))
            }
            do {
                var scanner = JSONScanner(Array(line))
                let value = try scanner.value()
                try scanner.end()
                add(value)
            } catch let problem as JSONScanner.Problem {
                broken(problem, line: number, position: line.startIndex + problem.position, advice: "repair that line")
                count += 1
            } catch {
                problems.append(DataProblem(.brokenJSON, file: path, entry: count, found: "\(error)", advice: "repair line \(number)"))
                count += 1
            }
        }
    }

    private mutating func broken(_ problem: JSONScanner.Problem, line: Int, position: Int, advice: String) {
        problems.append(
            DataProblem(
                .brokenJSON, file: path, entry: count, found: "is broken JSON in line \(line), at byte \(position): \(problem.text)", advice: advice))
    }

    private mutating func add(_ value: JSONValue) {
        do {
            conversations.append(try ConversationEntry(value: value, file: path, index: count).conversation())
        } catch {
            problems.append(error)
        }
        count += 1
    }

    /// Entries of text alone are problems.
    mutating func refuseTextOnly() {
        let withImage = conversations.count { $0.image != nil }
        for conversation in conversations where conversation.image == nil {
            problems.append(
                DataProblem(
                    withImage > 0 ? .mixedLayout : .missingField, file: path, entry: conversation.entry, id: conversation.id,
                    found: "has no 'image'" + (withImage > 0 ? ", while \(withImage) entries of the file have one" : ""),
                    advice: "name its image, or move entries of text alone into a file for training on text"))
        }
        conversations.removeAll { $0.image == nil }
    }
}
