import CKernels
import Tensors

/// AdamW with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101), in float32.
public final class AdamW {
    public struct Settings: Sendable, Hashable, Codable {
        public var beta1: Float
        public var beta2: Float
        public var epsilon: Float
        /// Weight decay of matrices; vectors have none.
        public var decay: Float

        public init(beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, decay: Float = 0) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.decay = decay
        }
    }

    public let settings: Settings
    /// What learns, in a fixed order.
    public let parameters: [Parameter]
    /// Mean and uncentred variance of each parameter's gradients so far.
    let moments: [(mean: Rows, variance: Rows)]
    /// Steps taken.
    public private(set) var steps: Int

    /// - Parameter parameters: those that do not learn are left out.
    public init(_ parameters: [Parameter], settings: Settings = Settings()) {
        self.parameters = parameters.filter(\.learns)
        self.settings = settings
        steps = 0
        moments = self.parameters.map { parameter in
            let (mean, variance) = (
                Rows(count: parameter.value.count, width: parameter.value.width),
                Rows(count: parameter.value.count, width: parameter.value.width)
            )
            mean.buffer.update(repeating: 0)
            variance.buffer.update(repeating: 0)
            return (mean, variance)
        }
    }

    /// Continues after so many steps, with moments that the caller has filled in.
    func resume(after steps: Int) { self.steps = steps }

    /// Sum of squares of each parameter's gradient, in double precision and a fixed order.
    public func squaredGradients(_ context: TrainingContext) -> [Double] {
        let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: parameters.count)
        defer { sums.deallocate() }
        context.pool.forEach(parameters.count) { index in
            sums[index] = parameters[index].gradient.map { ck_sum_of_squares($0.pointer, $0.elementCount) } ?? 0
        }
        return Array(sums)
    }

    /// Sum of the squares of all gradients.
    public func squaredGradientNorm(_ context: TrainingContext) -> Double { squaredGradients(context).reduce(0, +) }

    /// Forgets what was collected for a step that will not be made.
    func clearGradients() { for parameter in parameters { parameter.clearGradient() } }

    /// Changes every parameter by its gradient, and sets the gradients to zero.
    ///
    /// - Parameters:
    ///   - rate: the learning rate of this step.
    ///   - scale: what gradients are multiplied by first: clipping.
    public func step(rate: Float, scale: Float = 1, _ context: TrainingContext) {
        steps += 1
        let first = Self.correction(settings.beta1, steps)
        let second = Self.correction(settings.beta2, steps)
        for (parameter, moments) in zip(parameters, moments) {
            guard let gradient = parameter.gradient else { continue }
            let decay = parameter.decays ? settings.decay : 0
            context.forEachStretch(of: gradient.elementCount) { range in
                let at = range.lowerBound
                ck_adamw(
                    parameter.value.pointer + at, gradient.pointer + at, moments.mean.pointer + at, moments.variance.pointer + at,
                    range.count, scale, rate, settings.beta1, settings.beta2, settings.epsilon, decay, first, second)
                (gradient.pointer + at).update(repeating: 0, count: range.count)
            }
        }
    }

    /// 1 − βᵗ, the bias of a moment after t steps.
    private static func correction(_ beta: Float, _ steps: Int) -> Float {
        var power = 1.0
        for _ in 0..<min(steps, 1_000_000) { power *= Double(beta) }
        return Float(1 - power)
    }
}
