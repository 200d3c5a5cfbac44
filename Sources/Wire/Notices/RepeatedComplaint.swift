/// Decides which repeated complaints about one connection are worth a line in the log: a new one always, the same one the
/// 2nd, 4th, 8th, … time.
public struct RepeatedComplaint: Sendable {
    private var last: String?
    private var count = 0

    public init() {}

    /// - Returns: the line to write, if any.
    public mutating func entry(_ text: String) -> String? {
        count = text == last ? count + 1 : 1
        last = text
        guard count & (count - 1) == 0 else { return nil }
        return count == 1 ? text : "\(text) (\(count) times so far)"
    }

    /// All is well again.
    public mutating func reset() { self = RepeatedComplaint() }
}
