/// One thing that somebody said in a conversation.
public struct ConversationTurn: Sendable, Hashable {
    public enum Role: String, Sendable, Hashable {
        case user
        case assistant
    }

    /// Who said it.
    public var role: Role
    /// What was said. In a user's text `ImagePlaces.marker` says where an image stands.
    public var text: String

    /// A turn of a conversation.
    public init(_ role: Role, _ text: String) {
        self.role = role
        self.text = text
    }
}
