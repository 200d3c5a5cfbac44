import Foundation
import Language

/// Times of independent arrivals, in seconds since the begin: exponential gaps, the same for the same seed.
public struct PoissonArrivals: Sequence, IteratorProtocol, Sendable {
    private let rate: Double
    private var generator: SplitMix64
    private var last = 0.0

    /// - Parameter rate: arrivals per second, on average; above 0.
    public init(rate: Double, seed: UInt64) {
        self.rate = rate
        generator = SplitMix64(seed: seed)
    }

    /// Never nil.
    public mutating func next() -> Double? {
        last -= log(1 - generator.nextUnit()) / rate
        return last
    }
}
