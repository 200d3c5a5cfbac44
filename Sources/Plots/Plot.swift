/// A diagram over two axes: a value that becomes text by `svg()`, the same text for the same value.
public struct Plot: Sendable, Hashable {
    /// How bars at the same place share it.
    public enum Bars: Sendable, Hashable { case grouped, stacked }

    public var title: String
    /// A smaller line below the title; empty for none.
    public var subtitle: String
    public var x: Axis
    public var y: Axis
    /// What is drawn, from back to front.
    public var series: [Series]
    /// Lines to compare with, drawn behind the series.
    public var references: [Reference]
    public var bars: Bars

    public init(
        title: String, subtitle: String = "", x: Axis, y: Axis, series: [Series], references: [Reference] = [],
        bars: Bars = .grouped
    ) {
        self.title = title
        self.subtitle = subtitle
        self.x = x
        self.y = y
        self.series = series
        self.references = references
        self.bars = bars
    }

    /// The diagram alone.
    ///
    /// - Throws: `PlotError` when there is nothing to draw, or a value has no place on its axis.
    public func svg() throws -> String { try Figure(panels: [self]).svg() }
}
