/// Why no prompt can be made of a conversation or a text. Turns are counted from 0.
public enum PromptError: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no turn.
    case noTurns
    /// Turns must alternate, beginning with the user's; this one has the wrong role.
    case unexpectedRole(turn: Int, found: ConversationTurn.Role, expected: ConversationTurn.Role)
    /// The last turn must be the user's question.
    case lastTurnNotByUser
    /// Nothing but image places and white space is left of a user's turn.
    case emptyQuestion(turn: Int)
    /// An answer holds the mark of an image place.
    case imagePlaceInAnswer(turn: Int)
    /// The text has a different number of image places than there are images.
    case imageCountMismatch(places: Int, images: Int)

    public var description: String {
        let marker = ImagePlaces.marker
        switch self {
        case .noTurns:
            return "The conversation is empty: ask a question."
        case .unexpectedRole(let turn, let found, let expected):
            return "Turn \(turn) is by the \(found.rawValue), but must be by the \(expected.rawValue): "
                + "turns alternate and begin with the user's."
        case .lastTurnNotByUser:
            return "The last turn is by the assistant: add the user's next question."
        case .emptyQuestion(let turn):
            return "The question of turn \(turn) is empty: write something besides \(marker) and white space."
        case .imagePlaceInAnswer(let turn):
            return "The answer of turn \(turn) contains \(marker), which may only stand in a question: remove it."
        case .imageCountMismatch(let places, let images):
            return "The text has \(places) \(marker) but \(images) image\(images == 1 ? "" : "s") came with it: "
                + (images == 0 ? "attach an image or remove the mark." : "the numbers must be equal.")
        }
    }
}
