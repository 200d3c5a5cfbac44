/// How a conversation is written as one prompt.
///
/// The templates are those of the public Med-MoE code; a model must be asked with the one it was trained with.
public enum ConversationTemplate: String, Sendable, Hashable, CaseIterable {
    /// Phi-2 backbones. The same text as `stablelm`.
    case phi
    /// StableLM backbones: a system sentence, then `USER: question ASSISTANT: answer<|endoftext|>USER: …`.
    case stablelm
    /// Alignment of images and captions: the user's text as it is, answers end with a line break. No system sentence, no names.
    case plain

    private static let systemSentence =
        "A chat between a curious user and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the user's questions."
    private static let endOfText = "<|endoftext|>"

    /// The prompt that asks for the answer to the last turn.
    ///
    /// Images stand where the user's texts say `<image>`, in that order. If no text says so, they stand at the beginning of the first
    /// question, each followed by a line break (without one in the `plain` template, as in its training).
    /// - Throws: `PromptError`: turns that do not alternate, an empty question (in `plain`, one without an image too), or another number of
    ///   image places than `imageCount`.
    public func prompt(for turns: [ConversationTurn], imageCount: Int) throws(PromptError) -> [PromptPiece] {
        try ImagePlaces.pieces(ofPrompt: try text(for: turns, imageCount: imageCount), imageCount: imageCount)
    }

    /// The prompt as one text, with image places marked.
    public func text(for turns: [ConversationTurn], imageCount: Int) throws(PromptError) -> String {
        var turns = turns
        try Self.checkRoles(turns)
        if imageCount > 0, turns.allSatisfy({ ImagePlaces.count(in: $0.text) == 0 }) {
            let place = self == .plain ? ImagePlaces.marker : ImagePlaces.marker + "\n"
            turns[0].text = String(repeating: place, count: imageCount) + turns[0].text
        }
        try checkTexts(turns)
        let places = turns.reduce(0) { $0 + ImagePlaces.count(in: $1.text) }
        guard places == imageCount else { throw .imageCountMismatch(places: places, images: imageCount) }
        switch self {
        case .phi, .stablelm: return Self.chat(turns)
        case .plain: return turns.map { $0.role == .user ? $0.text : $0.text + "\n" }.joined()
        }
    }

    private static func chat(_ turns: [ConversationTurn]) -> String {
        var text = systemSentence + " "
        for turn in turns {
            switch turn.role {
            case .user: text += "USER: " + turn.text + " "
            // The public code writes a turn without text as its name alone.
            case .assistant: text += turn.text.isEmpty ? "ASSISTANT:" : "ASSISTANT: " + turn.text + endOfText
            }
        }
        return text + "ASSISTANT:"
    }

    private static func checkRoles(_ turns: [ConversationTurn]) throws(PromptError) {
        guard let last = turns.last else { throw .noTurns }
        for (index, turn) in turns.enumerated() {
            let expected: ConversationTurn.Role = index % 2 == 0 ? .user : .assistant
            guard turn.role == expected else { throw .unexpectedRole(turn: index, found: turn.role, expected: expected) }
        }
        guard last.role == .user else { throw .lastTurnNotByUser }
    }

    private func checkTexts(_ turns: [ConversationTurn]) throws(PromptError) {
        for (index, turn) in turns.enumerated() {
            let places = ImagePlaces.count(in: turn.text)
            if turn.role == .assistant {
                guard places == 0 else { throw .imagePlaceInAnswer(turn: index) }
            } else if ImagePlaces.removing(from: turn.text).unicodeScalars.allSatisfy(\.properties.isWhitespace) {
                // After alignment an image alone asks for its caption.
                guard self == .plain, places > 0 else { throw .emptyQuestion(turn: index) }
            }
        }
    }
}
