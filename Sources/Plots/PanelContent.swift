/// The values of a diagram, checked.
struct PanelContent {
    private(set) var xs: [Double] = []
    private(set) var ys: [Double] = []

    /// - Throws: `PlotError` that names the series and the value that cannot be drawn.
    init(_ plot: Plot) throws {
        for series in plot.series {
            if series.gaps == .refused, let bad = series.points.first(where: { !$0.x.isFinite || !$0.y.isFinite }) {
                throw PlotError("'\(plot.title)', series '\(series.name)': (\(bad.x), \(bad.y)) is not finite; mend it, or let the series skip such values")
            }
            let points = PanelContent.runs(series).joined()
            xs += points.map(\.x)
            ys += points.map(\.y)
            // Bars stand on 0.
            if series.style == .bars, plot.y.scale == .linear { ys.append(0) }
        }
        guard !xs.isEmpty else { throw PlotError("'\(plot.title)': there are no values to draw") }
        for reference in plot.references {
            switch reference.shape {
            case .horizontal(let value): ys.append(value)
            case .vertical(let value): xs.append(value)
            case .path(let points):
                xs += points.map(\.x)
                ys += points.map(\.y)
            }
        }
        if plot.bars == .stacked {
            let bars = plot.series.filter { $0.style == .bars }.flatMap { PanelContent.runs($0).joined() }
            guard bars.allSatisfy({ $0.y >= 0 }) else { throw PlotError("'\(plot.title)': bars below 0 cannot be stacked") }
            ys += Dictionary(grouping: bars, by: \.x).values.map { $0.reduce(0) { $0 + $1.y } }
        }
    }

    /// The points of a series between its gaps.
    static func runs(_ series: Series) -> [[Point]] {
        series.points.split { !$0.x.isFinite || !$0.y.isFinite }.map(Array.init)
    }

    /// The smallest distance between bars, as a share of the axis.
    static func smallestGap(_ plot: Plot, _ map: AxisMap) -> Double {
        let places = Set(plot.series.filter { $0.style == .bars }.flatMap { runs($0).joined().map { map.share($0.x) } }).sorted()
        return zip(places, places.dropFirst()).map { $1 - $0 }.min() ?? 0.1
    }
}
