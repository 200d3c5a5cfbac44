/// Draws one diagram: measures its labels first, so that nothing runs into anything else.
struct PanelRenderer {
    private let plot: Plot
    private let width: Double
    private let height: Double
    private let xMap: AxisMap
    private let yMap: AxisMap
    private let heading: Heading
    private let legend: Legend
    private let labelSize = 12.0
    /// Names below the diagram that are too wide to stand side by side are turned.
    private let turnsNames: Bool

    private let left: Double
    private let right: Double
    private let top: Double
    private let bottom: Double

    init(_ plot: Plot, width: Double, height: Double) throws {
        let content = try PanelContent(plot)
        self.plot = plot
        self.width = width
        self.height = height
        yMap = try AxisMap(plot.y, values: content.ys, mostTicks: max(2, Int(height / 55)))
        let labels = yMap.ticks.map { Drawing.textWidth($0.label, size: 12) }.max() ?? 0
        var left = 20 + labels + (plot.y.label.isEmpty ? 0 : 22)
        let inner = width - left - 30
        // As many ticks as fit beside each other.
        var most = max(2, Int(inner / 60))
        var map = try AxisMap(plot.x, values: content.xs, mostTicks: most)
        while most > 2, !PanelRenderer.fit(map, width: inner) {
            most -= 1
            map = try AxisMap(plot.x, values: content.xs, mostTicks: most)
        }
        xMap = map
        turnsNames = !PanelRenderer.fit(map, width: inner)
        let names = map.ticks.map { Drawing.textWidth(PanelRenderer.shortened($0.label), size: 12) }
        let below = turnsNames ? 10 + 0.6 * (names.max() ?? 0) : 0
        if turnsNames {
            // The first name, turned, reaches to the left.
            left = max(left, 0.84 * (names.first ?? 0) + 6 - map.categoryShare * inner / 2)
            right = width - 22
        } else {
            // Half of the last label reaches beyond the end.
            right = width - max(22, (names.last ?? 0) / 2 + 10)
        }
        self.left = left
        heading = Heading(title: plot.title, subtitle: plot.subtitle, width: right - left)
        legend = Legend(PanelRenderer.entries(plot), width: right - left)
        top = 16 + heading.height + legend.height
        bottom = height - 28 - below - (plot.x.label.isEmpty ? 0 : 22)
        guard bottom - top > 40, right - left > 60 else {
            throw PlotError("'\(plot.title)': labels and legend leave no room for the diagram in \(Int(width)) × \(Int(height)) pixels")
        }
    }

    private static func fit(_ map: AxisMap, width: Double) -> Bool {
        zip(map.ticks, map.ticks.dropFirst()).allSatisfy { a, b in
            let room = (map.share(b.value) - map.share(a.value)) * width
            return room > (Drawing.textWidth(a.label, size: 12) + Drawing.textWidth(b.label, size: 12)) / 2 + 8
        }
    }

    /// So that names leave room for what they name.
    private static func shortened(_ name: String) -> String { name.count > 28 ? name.prefix(27) + "…" : name }

    private static let dashes = "6 4"

    private static func entries(_ plot: Plot) -> [Legend.Entry] {
        plot.series.enumerated().map { index, series in
            Legend.Entry(
                name: series.name, color: Palette.color(series.color ?? index), style: series.style,
                dashes: series.isDashed ? dashes : "")
        } + plot.references.enumerated().map { index, reference in
            Legend.Entry(name: reference.name, color: Palette.reference, style: .line, dashes: referenceDashes(index))
        }
    }

    /// Several lines to compare with differ by their dashes.
    private static func referenceDashes(_ index: Int) -> String { ["6 4", "2 3", "10 3 2 3", "1 4"][index % 4] }

    func draw(into drawing: inout Drawing, top offset: Double) {
        func x(_ value: Double) -> Double { left + xMap.share(value) * (right - left) }
        func y(_ value: Double) -> Double { offset + bottom - yMap.share(value) * (bottom - top) }
        func place(_ point: Point) -> Point { Point(x(point.x), y(point.y)) }

        drawFrame(into: &drawing, offset, x, y)
        for (index, reference) in plot.references.enumerated() {
            let points = switch reference.shape {
            case .horizontal(let value): [Point(left, y(value)), Point(right, y(value))]
            case .vertical(let value): [Point(x(value), offset + top), Point(x(value), offset + bottom)]
            case .path(let points): points.map(place)
            }
            drawing.path(points, color: Palette.reference, width: 1.5, dashes: PanelRenderer.referenceDashes(index))
        }
        drawBars(into: &drawing, offset, x)
        for (index, series) in plot.series.enumerated() where series.style != .bars {
            let color = Palette.color(series.color ?? index)
            func line(_ points: [Point]) {
                drawing.path(
                    points, color: color, width: series.isFaint ? 1 : 2, dashes: series.isDashed ? PanelRenderer.dashes : "",
                    opacity: series.isFaint ? 0.3 : 1)
            }
            for run in PanelContent.runs(series) {
                let points = run.map(place)
                switch series.style {
                case .line: line(points)
                case .linePoints:
                    line(points)
                    for point in points { drawing.circle(point, radius: 3.5, color: color) }
                case .step: line(points.indices.flatMap { $0 == 0 ? [points[0]] : [Point(points[$0].x, points[$0 - 1].y), points[$0]] })
                case .points: for point in points { drawing.circle(point, radius: 3, color: color) }
                case .bars: break
                }
                // A line of one point would not be seen.
                if points.count == 1, series.style == .line || series.style == .step { drawing.circle(points[0], radius: 3, color: color) }
            }
        }
    }

    private func drawFrame(into drawing: inout Drawing, _ offset: Double, _ x: (Double) -> Double, _ y: (Double) -> Double) {
        heading.draw(into: &drawing, left: left, top: offset)
        legend.draw(into: &drawing, left: left, top: offset + top - legend.height - 2)
        for tick in yMap.ticks {
            drawing.line(left, y(tick.value), right, y(tick.value), color: Palette.grid)
            drawing.text(tick.label, left - 8, y(tick.value) + 4, anchor: .end)
        }
        let areCategories = if case .categories = plot.x.scale { true } else { false }
        for tick in xMap.ticks {
            if !areCategories { drawing.line(x(tick.value), offset + top, x(tick.value), offset + bottom, color: Palette.grid) }
            if turnsNames {
                drawing.text(PanelRenderer.shortened(tick.label), x(tick.value) + 4, offset + bottom + 16, anchor: .end, turned: -35)
            } else {
                drawing.text(tick.label, x(tick.value), offset + bottom + 18, anchor: .middle)
            }
        }
        drawing.line(left, offset + bottom, right, offset + bottom, color: Palette.frame)
        drawing.line(left, offset + top, left, offset + bottom, color: Palette.frame)
        if !plot.x.label.isEmpty { drawing.text(plot.x.label, (left + right) / 2, offset + height - 12, size: 13, anchor: .middle) }
        if !plot.y.label.isEmpty { drawing.text(plot.y.label, 18, offset + (top + bottom) / 2, size: 13, anchor: .middle, turned: -90) }
    }

    private func drawBars(into drawing: inout Drawing, _ offset: Double, _ x: (Double) -> Double) {
        let members = plot.series.enumerated().filter { $0.element.style == .bars }
        guard !members.isEmpty else { return }
        let room = (plot.x.scale.isCategorical ? xMap.categoryShare : PanelContent.smallestGap(plot, xMap)) * (right - left) * 0.75
        let isStacked = plot.bars == .stacked
        let each = isStacked ? room : room / Double(members.count)
        func height(_ share: Double) -> Double { offset + bottom - share * (bottom - top) }
        var stacks: [Double: Double] = [:]
        for (position, (index, series)) in members.enumerated() {
            for run in PanelContent.runs(series) {
                for point in run {
                    let begin = isStacked ? x(point.x) - room / 2 : x(point.x) - room / 2 + Double(position) * each
                    let below = isStacked ? stacks[point.x, default: 0] : 0
                    let from = isStacked && below != 0 ? yMap.share(below) : yMap.floor
                    let to = yMap.share(below + point.y)
                    stacks[point.x] = below + point.y
                    let (low, high) = (min(from, to), max(from, to))
                    drawing.rectangle(begin + 0.5, height(high), max(1, each - 1), height(low) - height(high), color: Palette.color(series.color ?? index))
                }
            }
        }
    }
}

extension Axis.Scale {
    var isCategorical: Bool { if case .categories = self { true } else { false } }
}
