import Checkpoints

/// What is wrong with one entry of a data file, or with the file.
public struct DataProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// Kinds that a program can count.
    public enum Kind: String, Sendable, Hashable, CaseIterable, Codable {
        /// The file cannot be opened or read, or is too large.
        case unreadableFile = "unreadable file"
        /// The file has no entries.
        case emptyFile = "empty file"
        /// The text breaks JSON's rules; of an array nothing after that place is read.
        case brokenJSON = "broken JSON"
        /// A value is there, but of another type than needed.
        case wrongType = "wrong type"
        /// A value that is needed is not there.
        case missingField = "missing field"
        /// The entry has another layout than the conversation format, or than most entries of its file.
        case mixedLayout = "mixed layouts"
        /// The turns do not alternate between human and gpt, starting with human.
        case wrongTurns = "wrong turns"
        /// A question or an answer has nothing but blanks.
        case emptyText = "empty text"
        /// An entry has an image, but no `<image>` in its first question.
        case markerMissing = "<image> missing"
        /// `<image>` occurs more than once.
        case markerRepeated = "<image> repeated"
        /// `<image>` stands in a later turn, in an answer, or in an entry without an image.
        case markerMisplaced = "<image> misplaced"
        /// A label that is not among the known ones.
        case unknownLabel = "unknown label"
        /// The image's path is absolute or leads out of the folder of images.
        case unsafePath = "unsafe path"
        /// There is no such image file, or it may not be read.
        case missingImage = "missing image"
        /// The image file does not decode.
        case badImage = "bad image"
        /// Prompt and answer do not fit the model's context.
        case tooLong = "too long"
    }

    public var kind: Kind
    /// Path of the file, as it was given.
    public var file: String
    /// Place of the entry in its file, from 0; nil when the whole file is at fault.
    public var entry: Int?
    /// The entry's name in the file, where it could be read.
    public var id: String?
    /// What was found.
    public var found: String
    /// What to do about it.
    public var advice: String

    public init(_ kind: Kind, file: String, entry: Int? = nil, id: String? = nil, found: String, advice: String) {
        self.kind = kind
        self.file = file
        self.entry = entry
        self.id = id
        self.found = found
        self.advice = advice
    }

    public var description: String {
        let place = entry.map { ", entry \($0)" + (id.map { " (id \(quoted($0)))" } ?? "") } ?? ""
        return "\(file)\(place): \(found); \(advice)"
    }
}
