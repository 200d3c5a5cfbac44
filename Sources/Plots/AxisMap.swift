import Foundation

/// Where values of one axis lie, as a share of its length: 0 at its begin, 1 at its end.
struct AxisMap: Sendable {
    private let scale: Axis.Scale
    /// What lies at 0 and 1, as transformed values.
    private let low: Double
    private let high: Double
    let ticks: [Tick]

    /// - Parameters:
    ///   - values: all that must be in sight; finite.
    ///   - mostTicks: how many labels there is room for.
    init(_ axis: Axis, values: [Double], mostTicks: Int) throws {
        scale = axis.scale
        let all = values + axis.includes
        // Beyond that, sums of values are no numbers any more.
        if let bad = all.first(where: { !(abs($0) <= 1e100) }) {
            throw PlotError("axis '\(axis.label)': \(bad) has no place on an axis, which goes from −1e100 to 1e100")
        }
        guard let least = all.min(), let most = all.max() else { throw PlotError("axis '\(axis.label)': there are no values to draw") }
        switch axis.scale {
        case .linear:
            (low, high) = AxisMap.widened(least, most, mostTicks: mostTicks)
            ticks = Ticks.linear(low, high, most: mostTicks)
        case .logarithmic:
            guard least >= 1e-100 else { throw PlotError("axis '\(axis.label)': \(least) has no place on a logarithmic axis; use a linear one") }
            let (bottom, top) = least == most ? (least / 2, most * 2) : (least, most * 1.05)
            (low, high) = (log10(bottom), log10(top))
            ticks = Ticks.logarithmic(bottom, top, most: mostTicks)
        case .percentile:
            guard least >= 0, most < 100 else { throw PlotError("axis '\(axis.label)': percentiles go from 0 to below 100, not \(least) to \(most)") }
            (low, high) = (0, max(AxisMap.stretched(most), 1))
            let high = high
            ticks = Ticks.percentile.filter { AxisMap.stretched($0.value) <= high + 1e-9 }
        case .categories(let names):
            guard !names.isEmpty, least >= 0, Int(most) < names.count, all.allSatisfy({ $0 == $0.rounded() }) else {
                throw PlotError("axis '\(axis.label)': places are the indices 0 to \(names.count - 1) of its names")
            }
            (low, high) = (-0.5, Double(names.count) - 0.5)
            ticks = names.enumerated().map { Tick(value: Double($0), label: $1) }
        }
    }

    func share(_ value: Double) -> Double {
        let place = switch scale {
        case .linear, .categories: value
        case .logarithmic: log10(value)
        case .percentile: AxisMap.stretched(value)
        }
        return (place - low) / (high - low)
    }

    /// Where bars stand: 0, or the lower end of an axis that has none.
    var floor: Double { if case .logarithmic = scale { 0 } else { min(1, max(0, share(0))) } }

    /// Width of one named place, as a share of the axis.
    var categoryShare: Double { 1 / (high - low) }

    private static func stretched(_ percentile: Double) -> Double { -log10(1 - percentile / 100) }

    /// From round value to round value, starting at 0 where the data come near it.
    private static func widened(_ least: Double, _ most: Double, mostTicks: Int) -> (Double, Double) {
        var (low, high) = (least, most)
        if low >= 0, low < 0.6 * high { low = 0 }
        if high <= 0, high > 0.6 * low { high = 0 }
        // Values that differ by rounding only are one.
        guard high - low > 1e-12 * max(abs(low), abs(high)), high - low > 1e-100 else {
            let isNothing = max(abs(low), abs(high)) < 1e-99
            let margin = isNothing ? 1 : abs(low) / 2
            return isNothing ? (low < 0 ? -1 : 0, 1) : (low - margin, high + margin)
        }
        let step = Ticks.step(extent: high - low, most: mostTicks)
        return ((low / step + 1e-9).rounded(.down) * step, (high / step - 1e-9).rounded(.up) * step)
    }
}
