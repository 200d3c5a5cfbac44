import Foundation
import Language
import Tensors

/// New weights, as PyTorch begins with them: a linear layer's weight and bias are uniform within ±1/√inner.
struct Initialisation {
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed ^ 0x5EED_0F_A11) }

    /// `[outer, inner]`
    mutating func linear(_ outer: Int, _ inner: Int) -> Rows { uniform(outer, inner, limit: 1 / Float(inner).squareRoot()) }

    /// `[1, outer]`
    mutating func bias(_ outer: Int, inner: Int) -> Rows { uniform(1, outer, limit: 1 / Float(inner).squareRoot()) }

    /// Normal numbers of mean 0 (Box and Muller's pairs).
    mutating func normal(_ count: Int, _ width: Int, deviation: Float) -> Rows {
        let rows = Rows(count: count, width: width)
        for index in stride(from: 0, to: rows.elementCount, by: 2) {
            let radius = (-2 * log(1 - random.nextUnit())).squareRoot()
            let angle = 2 * .pi * random.nextUnit()
            rows.pointer[index] = deviation * Float(radius * cos(angle))
            if index + 1 < rows.elementCount { rows.pointer[index + 1] = deviation * Float(radius * sin(angle)) }
        }
        return rows
    }

    /// All the same.
    func constant(_ count: Int, _ width: Int, _ value: Float) -> Rows {
        let rows = Rows(count: count, width: width)
        rows.buffer.update(repeating: value)
        return rows
    }

    private mutating func uniform(_ count: Int, _ width: Int, limit: Float) -> Rows {
        let rows = Rows(count: count, width: width)
        for index in 0..<rows.elementCount { rows.pointer[index] = Float(2 * random.nextUnit() - 1) * limit }
        return rows
    }
}
