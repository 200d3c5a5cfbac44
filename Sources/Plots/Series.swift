/// A point of a series, in units of the axes.
public struct Point: Sendable, Hashable {
    public var x: Double
    public var y: Double

    public init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }
}

/// Values that belong together.
public struct Series: Sendable, Hashable {
    public enum Style: Sendable, Hashable {
        case line
        case points
        case linePoints
        /// Each value holds until the next.
        case step
        case bars
    }

    /// What happens to a value that is not finite.
    public enum Gaps: Sendable, Hashable {
        /// It is an error: most often a division that should not have been.
        case refused
        /// It is left out, and a line breaks there.
        case skipped
    }

    /// For the legend; empty for none.
    public var name: String
    public var style: Style
    public var points: [Point]
    public var isDashed: Bool
    public var gaps: Gaps
    /// Index of its colour; nil for the next one.
    public var color: Int?
    /// Whether a line is thin and pale: what is measured, behind the mean of it.
    public var isFaint: Bool

    public init(
        _ name: String, _ style: Style, _ points: [Point], isDashed: Bool = false, gaps: Gaps = .refused, color: Int? = nil,
        isFaint: Bool = false
    ) {
        self.name = name
        self.style = style
        self.points = points
        self.isDashed = isDashed
        self.gaps = gaps
        self.color = color
        self.isFaint = isFaint
    }
}

/// A dashed grey line to compare with: a limit, an ideal, a model's prediction.
public struct Reference: Sendable, Hashable {
    public enum Shape: Sendable, Hashable {
        case horizontal(Double)
        case vertical(Double)
        /// Points joined by straight lines.
        case path([Point])
    }

    public var name: String
    public var shape: Shape

    public init(_ name: String, _ shape: Shape) {
        self.name = name
        self.shape = shape
    }
}
