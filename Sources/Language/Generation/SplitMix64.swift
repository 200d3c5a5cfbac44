/// A small random number generator with 64 bits of state: the same sequence for the same seed on every platform.
///
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (OOPSLA 2014), with the constants of the public-domain `splitmix64.c`.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Any seed will do, 0 included.
    public init(seed: UInt64) { state = seed }

    /// One of many sequences of a seed that have nothing to do with each other. Numbers of streams are hashed: states that differ by a small
    /// multiple of the generator's own increment give the same numbers some draws apart.
    public init(seed: UInt64, stream: Int) {
        var hash = SplitMix64(seed: UInt64(truncatingIfNeeded: stream))
        state = seed ^ hash.next()
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// A number from 0 to below 1: the upper 53 bits of the next 64.
    public mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
