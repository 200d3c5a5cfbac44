/// A process in which experts learnt is gone, and what they learnt since the last checkpoint with it.
public struct TrainerLost: Error, Sendable, Hashable, CustomStringConvertible {
    /// The trainer's name.
    public var name: String
    public var reason: String

    public init(name: String, reason: String) {
        self.name = name
        self.reason = reason
    }

    public var description: String { "trainer '\(name)' is lost: \(reason)" }
}
