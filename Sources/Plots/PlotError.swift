/// Why a diagram cannot be drawn.
public struct PlotError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
