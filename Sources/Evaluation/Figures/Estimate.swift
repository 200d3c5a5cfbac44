/// A figure and how sure it is: the mean over questions with the limits of its 95 % bootstrap interval.
public struct Estimate: Sendable, Hashable, Codable {
    /// In percent, like the limits.
    public var value: Double
    public var low: Double
    public var high: Double
    /// Questions (or images) behind it.
    public var n: Int

    public init(value: Double, low: Double, high: Double, n: Int) {
        self.value = value
        self.low = low
        self.high = high
        self.n = n
    }
}
