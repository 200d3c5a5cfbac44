import Checkpoints
import Tensors

/// Trainers in other processes: together they hold all domain experts, each of them once, with its optimiser's state.
///
/// Whatever needs a trainer that is gone throws `TrainerLost`, until `begin` gives all experts to those that are there.
public protocol ExpertFleet: ExpertTrainers {
    /// Gives every expert to a trainer and fills in what it knows. Ends what was before.
    ///
    /// - Parameters:
    ///   - steps: updates that were made before.
    ///   - state: the numbers of a tensor; nil for zeros.
    /// - Returns: trainers by name, and the indices of their experts.
    /// - Throws: `TrainerLost`; an error that says how to start trainers when there are too few.
    func begin(
        _ course: ExpertCourse, steps: Int, state: (_ name: String, _ state: LearningState) throws -> Tensor?,
        isolation: isolated (any Actor)?
    ) async throws -> [TrainerShare]

    /// Asks for the sums of squares of all gradients.
    func submitNorm() throws
    /// The sums that were asked for, one for each tensor in the order of the course.
    func squaredGradients(isolation: isolated (any Actor)?) async throws -> [Double]

    /// Asks all trainers to change their weights.
    func submitUpdate(rate: Float, scale: Float) throws
    /// Waits until all have.
    func updated(isolation: isolated (any Actor)?) async throws

    /// One tensor, from its trainer. Blocks the calling thread, which must be the learner's own.
    func copy(_ place: ExpertTensor, _ state: LearningState) throws -> Tensor

    /// What crossed the network since the beginning.
    func traffic(isolation: isolated (any Actor)?) async -> FleetTraffic
}

/// What one trainer holds.
public struct TrainerShare: Sendable, Hashable {
    public var name: String
    /// Indices of experts, in every mixture layer.
    public var experts: [Int]

    public init(name: String, experts: [Int]) {
        self.name = name
        self.experts = experts
    }
}

/// Messages and bytes between a coordinator and its trainers, there and back.
public struct FleetTraffic: Sendable, Hashable {
    /// What learning itself takes: forward, backward, norm, update.
    public var messages: UInt64
    public var bytes: UInt64
    /// States: at the beginning, for checkpoints, and after losses.
    public var stateBytes: UInt64
    /// Rows that were sent forward and back, counted once for each mixture layer and choice.
    public var rows: UInt64
    /// The least that could cross for those rows: h, E(h) and dY·g, 4 bytes for the dot product, and dH where it is needed.
    public var leastBytes: UInt64

    public init(messages: UInt64 = 0, bytes: UInt64 = 0, stateBytes: UInt64 = 0, rows: UInt64 = 0, leastBytes: UInt64 = 0) {
        self.messages = messages
        self.bytes = bytes
        self.stateBytes = stateBytes
        self.rows = rows
        self.leastBytes = leastBytes
    }
}
