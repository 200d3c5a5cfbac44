/// One part of a figure.
public enum Panel: Sendable, Hashable {
    case plot(Plot)
    case heatMap(HeatMap)
}

/// Diagrams one below the other, or in several columns, row by row.
public struct Figure: Sendable, Hashable {
    public var panels: [Panel]
    /// Panels beside each other.
    public var columns: Int
    /// Pixels of the whole width, and of one panel's height.
    public var width: Double
    public var panelHeight: Double

    public init(_ panels: [Panel], columns: Int = 1, width: Double = 800, panelHeight: Double = 420) {
        self.panels = panels
        self.columns = columns
        self.width = width
        self.panelHeight = panelHeight
    }

    public init(panels: [Plot], columns: Int = 1, width: Double = 800, panelHeight: Double = 420) {
        self.init(panels.map(Panel.plot), columns: columns, width: width, panelHeight: panelHeight)
    }

    /// The figure as a document.
    ///
    /// - Throws: `PlotError` when there is nothing to draw, or a value or a label has no place.
    public func svg() throws -> String {
        guard !panels.isEmpty else { throw PlotError("a figure without panels cannot be drawn") }
        guard (200...20_000).contains(width), (120...20_000).contains(panelHeight) else {
            throw PlotError("a figure of \(width) × \(panelHeight) pixels per panel cannot be drawn: 200 to 20000 wide, 120 to 20000 high")
        }
        guard (1...100).contains(columns) else { throw PlotError("a figure of \(columns) columns cannot be drawn: 1 to 100") }
        let lines = (panels.count + columns - 1) / columns
        let panelWidth = width / Double(columns)
        var drawing = Drawing(width: width, height: panelHeight * Double(lines))
        for (index, panel) in panels.enumerated() {
            drawing.left = panelWidth * Double(index % columns)
            let top = panelHeight * Double(index / columns)
            switch panel {
            case .plot(let plot): try PanelRenderer(plot, width: panelWidth, height: panelHeight).draw(into: &drawing, top: top)
            case .heatMap(let map): try HeatMapRenderer(map, width: panelWidth, height: panelHeight).draw(into: &drawing, top: top)
            }
        }
        return drawing.text
    }
}
