/// What a state machine wants written to the log.
public enum Note: Sendable, Hashable {
    case info(String)
    case warning(String)
}
