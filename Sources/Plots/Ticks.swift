import Foundation

/// A labelled place on an axis.
struct Tick: Sendable, Hashable {
    var value: Double
    var label: String
}

enum Ticks {
    /// The step 1, 2 or 5 times a power of ten that gives at most `most` steps over `extent`.
    static func step(extent: Double, most: Int) -> Double {
        let rough = extent / Double(max(1, most))
        let power = pow(10, (log10(rough)).rounded(.down))
        for factor in [1.0, 2, 5, 10] where factor * power >= rough * (1 - 1e-9) { return factor * power }
        return 10 * power
    }

    /// Round values from `low` to `high`, both included when they are round.
    static func linear(_ low: Double, _ high: Double, most: Int) -> [Tick] {
        let step = step(extent: high - low, most: most)
        let first = (low / step - 1e-9).rounded(.up)
        let last = (high / step + 1e-9).rounded(.down)
        guard last >= first, last - first < 1000 else { return [] }
        let values = stride(from: first, through: last, by: 1).map { $0 * step }
        return labelled(values.map { abs($0) < step * 1e-6 ? 0 : $0 }, step: step)
    }

    /// Powers of ten, and 2 and 5 times them where few decades leave room.
    static func logarithmic(_ low: Double, _ high: Double, most: Int) -> [Tick] {
        let first = Int(log10(low).rounded(.down))
        let last = Int(log10(high).rounded(.up))
        let decades = max(1, last - first)
        let factors: [Double] = decades * 3 <= most ? [1, 2, 5] : [1]
        // Too many decades: every so manyth.
        let stride = max(1, (decades + most - 1) / max(1, most))
        var ticks: [Tick] = []
        for power in first...last where (power - first) % stride == 0 {
            for factor in factors {
                let value = factor * pow(10, Double(power))
                if value >= low * (1 - 1e-9), value <= high * (1 + 1e-9) {
                    ticks.append(Tick(value: value, label: short(value, decimals: max(0, -power))))
                }
            }
        }
        return ticks
    }

    static let percentile: [Tick] = [
        Tick(value: 0, label: "0"), Tick(value: 50, label: "50"), Tick(value: 90, label: "90"), Tick(value: 99, label: "99"),
        Tick(value: 99.9, label: "99.9"), Tick(value: 99.99, label: "99.99"),
    ]

    private static func labelled(_ values: [Double], step: Double) -> [Tick] {
        let decimals = max(0, Int(-log10(step).rounded(.down)))
        let largest = values.map(abs).max() ?? 0
        let units: [(Double, String)] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
        // 12000 is "12k", but 1000 stays as it is.
        guard largest >= 10_000, let (unit, letter) = units.first(where: { largest >= $0.0 }) else {
            return values.map { Tick(value: $0, label: short($0, decimals: decimals)) }
        }
        let scaled = max(0, Int(-log10(step / unit).rounded(.down)))
        return values.map { Tick(value: $0, label: $0 == 0 ? "0" : short($0 / unit, decimals: scaled) + letter) }
    }

    /// With the sign of typography, and with an exponent where there would be too many zeros.
    private static func short(_ value: Double, decimals: Int) -> String {
        if abs(value) >= 1e15 || decimals > 6 { return String(format: "%.0e", value) }
        let text = String(format: "%.\(decimals)f", abs(value))
        return value < 0 ? "−" + text : text
    }
}
