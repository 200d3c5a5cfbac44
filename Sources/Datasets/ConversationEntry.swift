import Checkpoints
import StrictJSON

/// Makes a conversation of one entry of a file, or says what is wrong with it.
///
/// The rules are those of the LLaVA conversation format as the public training code uses it: one image at most, its marker exactly once and in
/// the first question; human and gpt take turns.
struct ConversationEntry {
    static let marker = "<image>"

    /// Keys under which other public data sets have what is in `conversations` here.
    private static let foreignKeys = ["question", "answer", "messages", "instruction", "output", "prompt", "response", "caption", "text"]

    let value: JSONValue
    let file: String
    let index: Int

    /// The entry's name: `id` as a string or a number.
    private var id: String? {
        switch value["id"] {
        case .string(let text): text
        case .number(let text): PythonText.of(number: text)
        default: nil
        }
    }

    private func problem(_ kind: DataProblem.Kind, _ found: String, _ advice: String) -> DataProblem {
        DataProblem(kind, file: file, entry: index, id: id, found: found, advice: advice)
    }

    func conversation() throws(DataProblem) -> Conversation {
        guard case .object(let members) = value else {
            throw problem(.wrongType, "is \(Self.kind(value)), not an object", "write {\"id\", \"image\", \"conversations\"} for each entry")
        }
        let image = try label("image")
        guard let list = value["conversations"] else {
            let foreign = Self.foreignKeys.filter { key in members.contains { $0.key == key } }
            if !foreign.isEmpty {
                throw problem(
                    .mixedLayout, "has another layout: \(foreign.map(quoted).joined(separator: ", ")) instead of 'conversations'",
                    "convert it to the LLaVA conversation format")
            }
            throw problem(.missingField, "has no 'conversations'", "add a list of {\"from\", \"value\"}")
        }
        let turns = try self.turns(list, hasImage: image != nil)
        let answerType = try label("answer_type")
        let type = answerType.flatMap { Conversation.AnswerType(rawValue: $0.uppercased()) }
        if let answerType, type == nil {
            throw problem(.unknownLabel, "'answer_type' is \(quoted(answerType))", "write OPEN, CLOSED or null")
        }
        return Conversation(
            id: id ?? "\(index)", image: image, turns: turns, answerType: type, modality: try label("modality"), organ: try label("organ"),
            questionType: try label("question_type"), entry: index)
    }

    /// A string that may be absent or null.
    private func label(_ key: String) throws(DataProblem) -> String? {
        switch value[key] {
        case nil, .null: return nil
        case .string(let text):
            guard !text.isEmpty else { throw problem(.emptyText, "\(quoted(key)) is empty", "give it a value, or leave it out") }
            return text
        case .array(let list) where key == "image":
            throw problem(.wrongType, "'image' is a list of \(list.count)", "make an entry for each image")
        case .some(let other): throw problem(.wrongType, "\(quoted(key)) is \(Self.kind(other)), not a string", "write a string or null")
        }
    }

    private func turns(_ list: JSONValue, hasImage: Bool) throws(DataProblem) -> [Conversation.Turn] {
        guard case .array(let said) = list else {
            throw problem(.wrongType, "'conversations' is \(Self.kind(list)), not a list", "write a list of {\"from\", \"value\"}")
        }
        guard !said.isEmpty, said.count.isMultiple(of: 2) else {
            throw problem(.wrongTurns, "has \(said.count) turns", "let each turn of \"human\" be followed by one of \"gpt\"")
        }
        var texts: [String] = []
        for (number, one) in said.enumerated() { texts.append(try text(of: one, number: number)) }
        try checkMarkers(texts, hasImage: hasImage)
        var turns: [Conversation.Turn] = []
        for first in stride(from: 0, to: texts.count, by: 2) {
            let question = first == 0 ? Self.withoutMarker(texts[0]) : trimmed(texts[first])
            guard !question.isEmpty else { throw problem(.emptyText, "turn \(first) asks nothing", "write a question") }
            guard !trimmed(texts[first + 1]).isEmpty else { throw problem(.emptyText, "turn \(first + 1) answers nothing", "write an answer") }
            turns.append(.init(question: question, answer: texts[first + 1]))
        }
        return turns
    }

    /// What turn `number` says, whose turn it must be.
    private func text(of turn: JSONValue, number: Int) throws(DataProblem) -> String {
        let speaker = number.isMultiple(of: 2) ? "human" : "gpt"
        guard case .object = turn else {
            throw problem(.wrongType, "turn \(number) is \(Self.kind(turn)), not an object", "write {\"from\", \"value\"}")
        }
        guard let from = turn["from"] else { throw problem(.missingField, "turn \(number) has no 'from'", "write \"\(speaker)\"") }
        guard from.text == speaker else {
            let said = from.text.map(quoted) ?? Self.kind(from)
            throw problem(.wrongTurns, "turn \(number) is from \(said), expected '\(speaker)'", "let human and gpt take turns, human first")
        }
        switch (turn["value"], speaker) {
        case (nil, _): throw problem(.missingField, "turn \(number) has no 'value'", "write what is said")
        case (.string(let text), _): return text
        case (.bool(let value), "gpt"): return PythonText.of(value)
        case (.number(let number), "gpt"):
            guard let text = PythonText.of(number: number) else {
                throw problem(.wrongType, "an answer is the number \(quoted(number)), beyond the range of floating point", "write it as a string")
            }
            return text
        case (.some(let other), _):
            throw problem(.wrongType, "what turn \(number) says is \(Self.kind(other)), not a string", "write a string")
        }
    }

    private func checkMarkers(_ texts: [String], hasImage: Bool) throws(DataProblem) {
        let counts = texts.map { Self.markers(in: $0) }
        let total = counts.reduce(0, +)
        if !hasImage, total > 0 {
            throw problem(.markerMisplaced, "has \(Self.marker) but no 'image'", "name the image, or leave the marker out")
        }
        guard hasImage else { return }
        if total > 1 { throw problem(.markerRepeated, "has \(Self.marker) \(total) times", "keep the one in the first question") }
        if total == 0 { throw problem(.markerMissing, "has an image but no \(Self.marker)", "begin the first question with \(Self.marker)\\n") }
        if counts[0] == 0 {
            throw problem(.markerMisplaced, "has \(Self.marker) in a later turn than the first", "move it into the first question")
        }
    }

    // By bytes: a combining mark after the marker does not hide it.
    private static func markers(in text: String) -> Int { pieces(text).count - 1 }

    private static func withoutMarker(_ text: String) -> String {
        trimmed(String(decoding: Array(pieces(text).joined()), as: UTF8.self))
    }

    private static func pieces(_ text: String) -> [Substring.UTF8View] {
        text.utf8.split(separator: marker.utf8, omittingEmptySubsequences: false)
    }

    /// How a message calls a value of the wrong type.
    private static func kind(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

/// A text without blanks and line ends around it.
func trimmed(_ text: String) -> String {
    let rest = text.unicodeScalars.drop { $0.properties.isWhitespace }
    guard let end = rest.lastIndex(where: { !$0.properties.isWhitespace }) else { return "" }
    return String(rest[...end])
}
