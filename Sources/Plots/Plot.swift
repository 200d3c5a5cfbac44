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

/// Diagrams one below the other.
public struct Figure: Sendable, Hashable {
    public var panels: [Plot]
    /// Pixels of the whole width, and of one panel's height.
    public var width: Double
    public var panelHeight: Double

    public init(panels: [Plot], width: Double = 800, panelHeight: Double = 420) {
        self.panels = panels
        self.width = width
        self.panelHeight = panelHeight
    }

    /// - Throws: `PlotError`.
    public func svg() throws -> String {
        guard !panels.isEmpty else { throw PlotError("a figure without panels cannot be drawn") }
        guard (200...20_000).contains(width), (120...20_000).contains(panelHeight) else {
            throw PlotError("a figure of \(width) × \(panelHeight) pixels per panel cannot be drawn: 200 to 20000 wide, 120 to 20000 high")
        }
        var drawing = Drawing(width: width, height: panelHeight * Double(panels.count))
        for (index, panel) in panels.enumerated() {
            try PanelRenderer(panel, width: width, height: panelHeight).draw(into: &drawing, top: panelHeight * Double(index))
        }
        return drawing.text
    }
}

/// Why a diagram cannot be drawn.
public struct PlotError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
