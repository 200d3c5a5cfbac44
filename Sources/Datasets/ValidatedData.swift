/// Data of which every entry was checked.
public struct ValidatedData: Sendable {
    /// One file's good entries.
    public struct File: Sendable {
        /// The path, as it was given.
        public var path: String
        public var conversations: [Conversation]

        public init(path: String, conversations: [Conversation]) {
            self.path = path
            self.conversations = conversations
        }
    }

    /// In the order in which they were given.
    public var files: [File]
    /// What was left out, and why.
    public var problems: [DataProblem]
    /// Entries that were seen, good and bad.
    public var entryCount: Int

    public init(files: [File], problems: [DataProblem], entryCount: Int) {
        self.files = files
        self.problems = problems
        self.entryCount = entryCount
    }

    /// Good entries of all files.
    public var conversations: [Conversation] { files.flatMap(\.conversations) }

    /// How many entries were left out for which reason.
    public var counts: [DataProblem.Kind: Int] { Dictionary(grouping: problems, by: \.kind).mapValues(\.count) }
}

/// Data that nothing is started with.
public struct DataRefusal: Error, Sendable, CustomStringConvertible {
    public enum Reason: Sendable, Hashable {
        /// There are bad entries, and leaving them out was not asked for.
        case bad
        /// A file cannot be read at all; that is never skipped.
        case unreadable
        /// No entry of a file is good.
        case nothingLeft(file: String)
    }

    /// Problems that a message shows.
    private static let shownProblems = 10

    /// All that were found.
    public let problems: [DataProblem]
    /// Entries that were seen, good and bad.
    public let entryCount: Int
    public let reason: Reason

    public init(problems: [DataProblem], entryCount: Int, reason: Reason) {
        self.problems = problems
        self.entryCount = entryCount
        self.reason = reason
    }

    public var description: String {
        let shown = problems.prefix(Self.shownProblems).map { "\n  \($0)" }.joined()
        let rest = problems.count > Self.shownProblems ? "\n  … and \(problems.count - Self.shownProblems) more" : ""
        let head = switch reason {
        case .bad:
            "the data has \(problems.count) \(problems.count == 1 ? "problem" : "problems") in \(entryCount) entries; repair them, or leave bad entries out with --skip-bad:"
        case .unreadable: "data cannot be read:"
        case .nothingLeft(let file): "\(file) has no good entry:"
        }
        return head + shown + rest
    }
}
