/// Names of what is drawn, in lines above the diagram, where they can hide nothing.
struct Legend {
    struct Entry {
        var name: String
        var color: String
        var style: Series.Style
        var dashes: String
    }

    /// A part of a name that stands on one line; the first part of a name has the mark.
    private struct Part {
        var text: String
        var x: Double
        var mark: Entry?
    }

    private static let size = 12.0
    private static let mark = 24.0
    private static let indent = mark + 6
    private static let gap = 18.0
    private static let lineHeight = 18.0
    private var lines: [[Part]] = []

    /// Names stand side by side as long as there is room; one that is wider than a line is broken.
    init(_ entries: [Entry], width: Double) {
        var x = 0.0
        for entry in entries where !entry.name.isEmpty {
            let parts = Drawing.wrapped(entry.name, size: Legend.size, width: width - Legend.indent)
            let needed = Legend.indent + (parts.map { Drawing.textWidth($0, size: Legend.size) }.max() ?? 0)
            if lines.isEmpty || x + needed > width {
                lines.append([])
                x = 0
            }
            for (number, text) in parts.enumerated() {
                if number > 0 { lines.append([]) }
                lines[lines.count - 1].append(Part(text: text, x: x + Legend.indent, mark: number == 0 ? entry : nil))
            }
            // Nothing stands beside a name of several lines.
            x = parts.count > 1 ? width : x + needed + Legend.gap
        }
    }

    var height: Double { lines.isEmpty ? 0 : Double(lines.count) * Legend.lineHeight + 4 }

    func draw(into drawing: inout Drawing, left: Double, top: Double) {
        for (number, line) in lines.enumerated() {
            let middle = top + (Double(number) + 0.5) * Legend.lineHeight
            for part in line {
                if let entry = part.mark { draw(entry, into: &drawing, left + part.x - Legend.indent, middle) }
                drawing.text(part.text, left + part.x, middle + 4, size: Legend.size)
            }
        }
    }

    private func draw(_ entry: Entry, into drawing: inout Drawing, _ x: Double, _ middle: Double) {
        switch entry.style {
        case .bars: drawing.rectangle(x + 6, middle - 5, 12, 10, color: entry.color)
        case .points: drawing.circle(Point(x + 12, middle), radius: 3.5, color: entry.color)
        case .line, .step, .linePoints:
            drawing.line(x, middle, x + Legend.mark, middle, color: entry.color, width: 2, dashes: entry.dashes)
            if entry.style == .linePoints { drawing.circle(Point(x + 12, middle), radius: 3.5, color: entry.color) }
        }
    }
}
