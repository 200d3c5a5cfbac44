import Checkpoints
import Tensors

/// What a step of the loop gave.
public struct StepReport: Sendable, Hashable {
    public var step: TrainingStep
    /// Counted from 1.
    public var update: Int
    public var updates: Int
    public var updatesPerEpoch: Int
    /// Mean loss, in nats.
    public var loss: Double
    public var rate: Double
    /// Norm of the gradient before clipping.
    public var gradientNorm: Double
    /// Rows that went through the model.
    public var rows: Int
    public var seconds: Double
}

/// Follows a stage as it learns.
public protocol TrainingObserver: Sendable {
    /// An update was made.
    func updated(_ report: StepReport)
    /// A checkpoint from which the stage can continue lies on the disk.
    func saved(update: Int, path: String)
    /// The stage goes on from a checkpoint of an earlier run.
    func resumed(update: Int, path: String)
    /// A longer piece of preparation, such as encoding images.
    func prepared(_ what: String, done: Int, total: Int)
    /// Bad entries were left out, so many of each kind.
    func skipped(_ counts: [(kind: String, count: Int)])
    /// Computing begins, with this library and this kernel.
    func computes(with summary: String)
    /// Experts learn on these trainers from now on.
    func shared(_ shares: [TrainerShare])
    /// A trainer is lost: everyone goes back to the checkpoint after this update.
    func rolledBack(after lost: TrainerLost, to update: Int)
}

extension TrainingObserver {
    public func computes(with summary: String) {}
    public func shared(_ shares: [TrainerShare]) {}
    public func rolledBack(after lost: TrainerLost, to update: Int) {}
}

/// What one batch gave.
struct BatchOutcome {
    /// Mean loss over the batch's targets.
    var loss: Double
    var rows: Int
}

/// What is learnt in a stage; the loop around it is the same for all.
protocol StageLearner: AnyObject {
    /// All parameters in this process; those that learn are changed by the loop.
    var parameters: [Parameter] { get }
    var updatesPerEpoch: Int { get }
    /// Runs one batch forward and backward.
    func learn(update: Int, isolation: isolated (any Actor)?) async throws -> BatchOutcome
    /// The model as it is now; what was learnt is in float32.
    func checkpoint() throws -> PublishedCheckpoint
    /// Experts that learn in other processes; nil when everything is here.
    var remoteExperts: RemoteCourse? { get }
}

extension StageLearner {
    var remoteExperts: RemoteCourse? { nil }
}

/// Experts that learn in other processes.
struct RemoteCourse {
    let fleet: any ExpertFleet
    let course: ExpertCourse
    /// The tensors that they begin with.
    let source: any TensorSource
}
