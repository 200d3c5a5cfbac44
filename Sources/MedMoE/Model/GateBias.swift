import Glibc

/// How much a gate has to prefer an expert so that it is chosen for a part of all rows.
enum GateBias {
    /// What to add to one of `count` gate outputs, which are else alike and near to normal with variance 1, so that it is the
    /// largest with the probability `share`.
    static func preferring(share: Double, among count: Int) -> Float {
        var low = -20.0
        var high = 20.0
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if probability(bias: middle, among: count) < share { low = middle } else { high = middle }
        }
        return Float(high)
    }

    /// P(x + bias > largest of the others) = ∫ φ(x) Φ(x + bias)^(count − 1) dx, by the trapezoidal rule.
    private static func probability(bias: Double, among count: Int) -> Double {
        let step = 0.01
        return stride(from: -8.0, through: 8.0, by: step).reduce(0) { sum, x in
            let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            return sum + step * density * pow(erfc(-(x + bias) / 2.0.squareRoot()) / 2, Double(count - 1))
        }
    }
}
