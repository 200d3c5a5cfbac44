import Foundation

/// What cosines are multiplied by before a softmax makes shares of them.
public enum SimilarityScale: Sendable, Hashable {
    /// `1 / τ`, as in ConVIRT (τ = 0.1).
    case fixed(temperature: Double)
    /// `exp(s)` with an `s` that is learned, as in CLIP (which starts at `s = ln(1 / 0.07)`). Keeping it in bounds is the caller's.
    case learned(logarithm: Double)

    /// The number to multiply by.
    public var factor: Double {
        switch self {
        case .fixed(let temperature): 1 / temperature
        case .learned(let logarithm): exp(logarithm)
        }
    }
}
