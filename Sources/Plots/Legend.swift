/// Names of what is drawn, in lines above the diagram, where they can hide nothing.
struct Legend {
    struct Entry {
        var name: String
        var color: String
        var style: Series.Style
        var dashes: String
    }

    private static let size = 12.0
    private static let mark = 24.0
    private static let lineHeight = 18.0
    private var lines: [[(entry: Entry, x: Double)]] = []

    init(_ entries: [Entry], width: Double) {
        var x = 0.0
        for entry in entries where !entry.name.isEmpty {
            let needed = Legend.mark + 6 + Drawing.textWidth(entry.name, size: Legend.size) + 18
            if lines.isEmpty || x + needed > width {
                lines.append([])
                x = 0
            }
            lines[lines.count - 1].append((entry, x))
            x += needed
        }
    }

    var height: Double { lines.isEmpty ? 0 : Double(lines.count) * Legend.lineHeight + 4 }

    func draw(into drawing: inout Drawing, left: Double, top: Double) {
        for (number, line) in lines.enumerated() {
            let middle = top + (Double(number) + 0.5) * Legend.lineHeight
            for (entry, offset) in line {
                let x = left + offset
                switch entry.style {
                case .bars: drawing.rectangle(x + 6, middle - 5, 12, 10, color: entry.color)
                case .points: drawing.circle(Point(x + 12, middle), radius: 3.5, color: entry.color)
                case .line, .step, .linePoints:
                    drawing.line(x, middle, x + Legend.mark, middle, color: entry.color, width: 2, dashes: entry.dashes)
                    if entry.style == .linePoints { drawing.circle(Point(x + 12, middle), radius: 3.5, color: entry.color) }
                }
                drawing.text(entry.name, x + Legend.mark + 6, middle + 4, size: Legend.size)
            }
        }
    }
}
