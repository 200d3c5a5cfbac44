import Checkpoints
import Tensors

/// Changes all weights of a stage: those in this process, and those of experts on a fleet.
final class StageOptimiser {
    /// Of what learns in this process.
    let local: AdamW
    /// The experts that learn elsewhere.
    let remote: (fleet: any ExpertFleet, course: ExpertCourse)?
    private let context: TrainingContext

    init(_ local: AdamW, remote: (fleet: any ExpertFleet, course: ExpertCourse)? = nil, _ context: TrainingContext) {
        self.local = local
        self.remote = remote
        self.context = context
    }

    /// Norm of the gradient of everything that learns. Sums are added in one order, whoever made them.
    func norm(isolation: isolated (any Actor)? = #isolation) async throws -> Double {
        try remote?.fleet.submitNorm()
        let own = local.squaredGradients(context)
        let others = try await remote?.fleet.squaredGradients(isolation: isolation) ?? []
        return (others + own).reduce(0, +).squareRoot()
    }

    /// Changes every weight by its gradient, times `scale`, and sets the gradients to zero.
    func step(rate: Float, scale: Float, isolation: isolated (any Actor)? = #isolation) async throws {
        try remote?.fleet.submitUpdate(rate: rate, scale: scale)
        local.step(rate: rate, scale: scale, context)
        try await remote?.fleet.updated(isolation: isolation)
    }
}
