import Datasets
import Foundation
import Language

/// The texts that a tokeniser is trained on, counted.
public struct TokenizerCorpus: Sendable {
    /// A line of text longer than this is no line of text.
    private static let longestLine = 256 << 20

    /// What was counted so far.
    public private(set) var words = WordCounts()

    public init() {}

    /// Adds the words around every question: the system sentence and the names of both sides.
    public mutating func addTemplate(_ template: ConversationTemplate) throws(PromptError) {
        // An empty question is refused, as it should be; this one is taken out again.
        let text = try template.text(for: [ConversationTurn(.user, "?")], imageCount: 0)
        words.add(text.replacingOccurrences(of: "? ", with: ""))
    }

    /// Adds each turn as `question answer`, and a caption alone: learning to align leaves the questions of captions out.
    public mutating func add(_ conversation: Conversation) {
        for turn in conversation.turns {
            let isCaption = conversation.questionType == "caption"
            words.add(isCaption || turn.question.isEmpty ? turn.answer : "\(turn.question) \(turn.answer)")
        }
    }

    /// Adds every line of a text file as a text of its own, without its line break.
    ///
    /// - Throws: `LineFileError` that names the file and the line.
    public mutating func addLines(of path: String) throws {
        try LineFile.forEachLine(of: path, longest: Self.longestLine) { line in
            let bytes = line.bytes.last == 0x0D ? line.bytes.dropLast() : line.bytes[...]
            guard let text = String(validating: bytes, as: UTF8.self) else { throw LineFileError.notText(file: path, line: line.number) }
            words.add(text)
        }
    }
}
