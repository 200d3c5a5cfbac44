import Foundation

/// Linear warm-up to a rate, then a cosine down to zero.
///
/// `rate(i) = peak · min(1, (i + 1) / w) · ½ (1 + cos(π i / n))` for step i of n, with w = max(1, ⌊warm-up · n⌋).
public struct LearningRate: Sendable, Hashable {
    public let peak: Double
    public let steps: Int
    /// Steps until the full rate.
    public let warmUpSteps: Int

    /// - Parameter warmUp: the part of all steps that warm up.
    public init(peak: Double, steps: Int, warmUp: Double) {
        self.peak = peak
        self.steps = steps
        warmUpSteps = max(1, Int(warmUp * Double(steps)))
    }

    /// The rate of a step, counted from 0.
    public func callAsFunction(_ step: Int) -> Float {
        let ramp = min(1, Double(step + 1) / Double(warmUpSteps))
        return Float(peak * ramp * 0.5 * (1 + cos(.pi * min(1, Double(step) / Double(max(1, steps))))))
    }
}

/// What gradients are multiplied by so that their norm is at most `limit`, as PyTorch's `clip_grad_norm_` has it.
public func clippingFactor(norm: Double, limit: Double?) -> Float {
    guard let limit else { return 1 }
    return Float(min(1, limit / (norm + 1e-6)))
}
