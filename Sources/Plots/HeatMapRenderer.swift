/// Draws one heat map: the names' room first, the cells in what remains.
struct HeatMapRenderer {
    private let map: HeatMap
    private let height: Double
    private let heading: Heading
    private let left: Double
    private let right: Double
    private let top: Double
    private let bottom: Double
    /// Names below that are too wide to stand side by side are turned.
    private let turnsNames: Bool
    /// Of the cells' texts; nil where even the smallest letters have no room.
    private let textSize: Double?

    private static let nameSize = 12.0
    private static let textSizes = stride(from: 13.0, through: 7, by: -0.5)

    init(_ map: HeatMap, width: Double, height: Double) throws {
        guard !map.rows.isEmpty, !map.columns.isEmpty, map.cells.count == map.rows.count,
            map.cells.allSatisfy({ $0.count == map.columns.count })
        else {
            throw PlotError("'\(map.title)': a table of \(map.rows.count) × \(map.columns.count) needs as many cells, and at least one")
        }
        if let bad = map.cells.joined().first(where: { !(0...1).contains($0.share) }) {
            throw PlotError("'\(map.title)': a cell's share is \(bad.share); expected 0 to 1")
        }
        self.map = map
        self.height = height
        let size = HeatMapRenderer.nameSize
        let rowNames = map.rows.map { Drawing.textWidth(HeatMapRenderer.shortened($0), size: size) }.max() ?? 0
        var left = 22 + rowNames + (map.rowLabel.isEmpty ? 0 : 22)
        right = width - 22
        let names = map.columns.map { Drawing.textWidth(HeatMapRenderer.shortened($0), size: size) }
        turnsNames = (names.max() ?? 0) + 8 > (right - left) / Double(map.columns.count)
        if turnsNames {
            // The first name, turned, reaches to the left.
            left = max(left, 0.84 * (names.first ?? 0) + 6 - (right - left) / Double(map.columns.count) / 2)
        }
        self.left = left
        heading = Heading(title: map.title, subtitle: map.subtitle, width: right - left)
        top = 18 + heading.height
        bottom = height - 28 - (turnsNames ? 10 + 0.6 * (names.max() ?? 0) : 0) - (map.columnLabel.isEmpty ? 0 : 22)
        let (cellWidth, cellHeight) = ((right - left) / Double(map.columns.count), (bottom - top) / Double(map.rows.count))
        guard cellWidth >= 2, cellHeight >= 2 else {
            throw PlotError("'\(map.title)': names leave no room for \(map.rows.count) × \(map.columns.count) cells in \(Int(width)) × \(Int(height)) pixels")
        }
        textSize = HeatMapRenderer.textSizes.first { size in
            map.cells.joined().allSatisfy { cell in
                Double(cell.lines.count) * size * 1.25 + 4 <= cellHeight
                    && cell.lines.allSatisfy { Drawing.textWidth($0, size: size) + 6 <= cellWidth }
            }
        }
    }

    /// So that names leave room for what they name.
    private static func shortened(_ name: String) -> String { name.count > 28 ? name.prefix(27) + "…" : name }

    func draw(into drawing: inout Drawing, top offset: Double) {
        heading.draw(into: &drawing, left: left, top: offset)
        let (cellWidth, cellHeight) = ((right - left) / Double(map.columns.count), (bottom - top) / Double(map.rows.count))
        for (row, name) in map.rows.enumerated() {
            let y = offset + top + Double(row) * cellHeight
            drawing.text(HeatMapRenderer.shortened(name), left - 8, y + cellHeight / 2 + 4, size: HeatMapRenderer.nameSize, anchor: .end)
            for column in map.columns.indices {
                draw(map.cells[row][column], into: &drawing, left + Double(column) * cellWidth, y, cellWidth, cellHeight)
            }
        }
        for (column, name) in map.columns.enumerated() {
            let x = left + (Double(column) + 0.5) * cellWidth
            let name = HeatMapRenderer.shortened(name)
            if turnsNames {
                drawing.text(name, x + 4, offset + bottom + 16, size: HeatMapRenderer.nameSize, anchor: .end, turned: -35)
            } else {
                drawing.text(name, x, offset + bottom + 18, size: HeatMapRenderer.nameSize, anchor: .middle)
            }
        }
        if !map.columnLabel.isEmpty { drawing.text(map.columnLabel, (left + right) / 2, offset + height - 12, size: 13, anchor: .middle) }
        if !map.rowLabel.isEmpty { drawing.text(map.rowLabel, 18, offset + (top + bottom) / 2, size: 13, anchor: .middle, turned: -90) }
    }

    private func draw(_ cell: HeatMap.Cell, into drawing: inout Drawing, _ x: Double, _ y: Double, _ width: Double, _ height: Double) {
        // A hair of white between cells, so that equal neighbours stay two.
        drawing.rectangle(x + 0.5, y + 0.5, width - 1, height - 1, color: Palette.shade(cell.share))
        guard let textSize else { return }
        let lineHeight = textSize * 1.25
        let first = y + height / 2 - Double(cell.lines.count) * lineHeight / 2 + lineHeight * 0.8
        for (number, text) in cell.lines.enumerated() {
            drawing.text(
                text, x + width / 2, first + Double(number) * lineHeight, size: textSize, anchor: .middle, bold: number == 0,
                color: cell.share > 0.55 ? "#fff" : "#333")
        }
    }
}
