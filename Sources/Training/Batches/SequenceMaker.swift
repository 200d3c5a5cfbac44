import Datasets
import Language

/// Turns conversations into sequences of tokens with their targets, as the public training code has them.
struct SequenceMaker: Sendable {
    /// What is to be predicted.
    enum Form: Sendable, Hashable {
        /// Chat template; answers and the end tokens behind them.
        case instruction
        /// `plain` template: the image, then the caption and a line break; all of the caption.
        case caption
        /// No image and no system sentence: everything is predicted.
        case text
    }

    let tokenizer: ByteLevelTokenizer
    let template: ConversationTemplate
    let endToken: Int
    let form: Form
    /// Whether answers to questions are written in lower case. Captions stay as they are: a backbone that learnt them otherwise would have
    /// to be taught their capitals by the projector, in the step that aligns it.
    let lowerCasesAnswers: Bool

    /// - Parameter image: the number of its image; nil for text alone.
    /// - Throws: `PromptError` for turns that make no prompt.
    func sequence(_ conversation: Conversation, image: Int?) throws -> TrainingSequence {
        var sequence = TrainingSequence(tokens: [], image: form == .text ? nil : image, isTarget: [])
        switch form {
        case .instruction:
            for (index, turn) in conversation.turns.enumerated() {
                append(try question(turn.question, first: index == 0, image: sequence.image), to: &sequence)
                sequence.append(tokenizer.encode(" " + answer(turn)) + [endToken], areTargets: true)
            }
        case .caption:
            append([.image(0)], to: &sequence)
            for turn in conversation.turns { sequence.append(tokenizer.encode(turn.answer + "\n"), areTargets: true) }
        case .text:
            for turn in conversation.turns {
                let text = isCaption(conversation) ? turn.answer : "\(turn.question) ASSISTANT: \(answer(turn))"
                sequence.append(tokenizer.encode(text) + [endToken], areTargets: true)
            }
            // Nothing stands before the first token that could predict it.
            if !sequence.isTarget.isEmpty { sequence.isTarget[0] = false }
        }
        return sequence
    }

    /// What a conversation says of its image, as one text: a caption, or questions with their answers.
    func text(_ conversation: Conversation) -> String {
        conversation.turns.map { isCaption(conversation) ? $0.answer : "\($0.question) \(answer($0))" }.joined(separator: " ")
    }

    /// Whether the human's text only asks for a caption, and says nothing of the image.
    private func isCaption(_ conversation: Conversation) -> Bool { conversation.questionType == "caption" }

    /// The prompt alone, up to where the first answer begins: what a gate sees of a question.
    func prompt(_ conversation: Conversation, image: Int?) throws -> TrainingSequence {
        var sequence = TrainingSequence(tokens: [], image: image, isTarget: [])
        if let turn = conversation.turns.first {
            append(try question(turn.question, first: true, image: image), to: &sequence)
        }
        return sequence
    }

    private func answer(_ turn: Conversation.Turn) -> String { lowerCasesAnswers ? turn.answer.lowercased() : turn.answer }

    /// A question as the template writes it, up to `ASSISTANT:`.
    private func question(_ text: String, first: Bool, image: Int?) throws -> [PromptSegment] {
        if first {
            let turns = [ConversationTurn(.user, text)]
            return try PromptEncoder(tokenizer: tokenizer).segments(of: turns, template: template, imageCount: image == nil ? 0 : 1)
        }
        return [.tokens(tokenizer.encode("USER: \(text) ASSISTANT:"))]
    }

    private func append(_ segments: [PromptSegment], to sequence: inout TrainingSequence) {
        for segment in segments {
            switch segment {
            case .tokens(let ids): sequence.append(ids, areTargets: false)
            case .image: sequence.append([TrainingSequence.imageMarker], areTargets: false)
            }
        }
    }
}

extension TrainingSequence {
    fileprivate mutating func append(_ ids: [Int], areTargets: Bool) {
        tokens += ids
        isTarget += Array(repeating: areTargets, count: ids.count)
    }
}
