import Foundation
import MedMoE

/// A question of a file.
struct Question {
    var id: String
    /// Path of the image as the file has it; nil for a question without one.
    var image: String?
    /// Where that file lies.
    var imagePath: String?
    var turns: [AnswerRequest.Turn]

    /// What the last turn asks.
    var text: String { turns.last?.text ?? "" }
}

/// Many questions from a file: JSON lines, or one JSON array in the LLaVA conversation format.
struct QuestionFile {
    let questions: [Question]

    private struct Line: Decodable {
        var id: String?
        var image: String?
        var question: String
    }

    private struct Conversation: Decodable {
        struct Turn: Decodable {
            var from: String
            var value: String
        }
        var id: String?
        var image: String?
        var conversations: [Turn]
    }

    /// - Parameter limit: how many questions to take from the start; nil for all.
    /// - Throws: `QuestionFileError` that names the file and the entry.
    init(path: String, imageFolder: String?, limit: Int?) throws {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw QuestionFileError("\(path): cannot be read: \(error.localizedDescription)")
        }
        let firstByte = data.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        var questions = firstByte == UInt8(ascii: "[")
            ? try QuestionFile.conversations(data, path: path) : try QuestionFile.lines(data, path: path)
        if let limit { questions = Array(questions.prefix(max(0, limit))) }
        let base = imageFolder.map { URL(filePath: $0, directoryHint: .isDirectory) }
        for index in questions.indices {
            guard let image = questions[index].image else { continue }
            questions[index].imagePath = base.map { $0.appending(path: image).path } ?? image
        }
        self.questions = questions
    }

    private static func lines(_ data: Data, path: String) throws -> [Question] {
        var questions: [Question] = []
        for (number, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
            do {
                let entry = try JSONDecoder().decode(Line.self, from: Data(line))
                questions.append(
                    Question(id: entry.id ?? "\(number + 1)", image: entry.image, turns: [.init(.user, entry.question)]))
            } catch {
                throw QuestionFileError("\(path): line \(number + 1) is not {\"id\", \"image\", \"question\"}: \(reason(error))")
            }
        }
        return questions
    }

    /// The last thing that the human says is the question, what was said before is its history.
    private static func conversations(_ data: Data, path: String) throws -> [Question] {
        let entries: [Conversation]
        do {
            entries = try JSONDecoder().decode([Conversation].self, from: data)
        } catch {
            throw QuestionFileError("\(path): is not a LLaVA conversation file: \(reason(error))")
        }
        return try entries.enumerated().map { index, entry in
            let id = entry.id ?? "\(index + 1)"
            guard let last = entry.conversations.lastIndex(where: { $0.from == "human" }) else {
                throw QuestionFileError("\(path): entry \(id) has no turn from \"human\"")
            }
            let turns = try entry.conversations[...last].map { turn in
                switch turn.from {
                case "human": AnswerRequest.Turn(.user, turn.value)
                case "gpt": AnswerRequest.Turn(.assistant, turn.value)
                default: throw QuestionFileError("\(path): entry \(id) has a turn from \"\(turn.from)\"; known are human and gpt")
                }
            }
            return Question(id: id, image: entry.image, turns: turns)
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        switch error {
        case .keyNotFound(let key, _): return "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            return context.codingPath.map(\.stringValue).joined(separator: ".") + " " + context.debugDescription
        @unknown default: return "\(error)"
        }
    }
}

/// A file of questions that cannot be read as one; the text names the file and the entry.
struct QuestionFileError: Error, Sendable, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
