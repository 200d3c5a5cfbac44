import Glibc

/// The arithmetic of a gate's choice, the same where a model answers and where it learns.
package enum GateChoice {
    /// Index of the largest value, the lowest one when equal.
    package static func largest(_ values: UnsafeBufferPointer<Float>, except: Int?) -> Int {
        var best = except == 0 ? 1 : 0
        for index in values.indices where index != except && values[index] > values[best] { best = index }
        return best
    }

    /// `exp(x − max) / Σ`, the powers in double precision.
    package static func softmax(_ values: UnsafeBufferPointer<Float>) -> [Float] {
        let most = values.max() ?? 0
        let powers = values.map { Float(exp(Double($0 - most))) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
