/// Turns prompts into token ids and image places.
public struct PromptEncoder: Sendable {
    /// The tokeniser of the model.
    public let tokenizer: ByteLevelTokenizer

    /// An encoder for the prompts of one model.
    public init(tokenizer: ByteLevelTokenizer) {
        self.tokenizer = tokenizer
    }

    /// Tokenises every text by itself, as the public code does: no token spans an image place.
    ///
    /// Added tokens are recognised in all of it, so a question that contains `<|endoftext|>` contains that token, as in the reference.
    public func segments(of pieces: [PromptPiece]) -> [PromptSegment] {
        pieces.compactMap { piece in
            switch piece {
            case .image(let index): return .image(index)
            case .text(let text):
                let ids = tokenizer.encode(text)
                return ids.isEmpty ? nil : .tokens(ids)
            }
        }
    }

    /// The segments of a conversation.
    public func segments(
        of turns: [ConversationTurn], template: ConversationTemplate, imageCount: Int
    ) throws(PromptError) -> [PromptSegment] {
        segments(of: try template.prompt(for: turns, imageCount: imageCount))
    }

    /// The segments of a whole prompt, taken as it is; `<image>` marks the images.
    public func segments(ofPrompt text: String, imageCount: Int) throws(PromptError) -> [PromptSegment] {
        segments(of: try ImagePlaces.pieces(ofPrompt: text, imageCount: imageCount))
    }
}
