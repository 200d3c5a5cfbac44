import Checkpoints

/// One tensor of one domain expert.
public struct ExpertTensor: Sendable, Hashable {
    public var layer: Int
    public var expert: Int
    /// Which of the tensors of `FeedForwardShape`, from 0.
    public var tensor: Int

    public init(layer: Int, expert: Int, tensor: Int) {
        self.layer = layer
        self.expert = expert
        self.tensor = tensor
    }
}

/// What is known of a tensor that learns.
public enum LearningState: String, Sendable, Hashable, CaseIterable {
    case value
    /// Running mean of its gradients.
    case mean
    /// Running uncentred variance of its gradients.
    case variance
}

/// All domain experts of a model, and how they learn.
public struct ExpertCourse: Sendable {
    public var shape: FeedForwardShape
    /// Mixture layers and indices, ascending.
    public var experts: [(layer: Int, expert: Int)]
    public var optimiser: AdamW.Settings

    public init(shape: FeedForwardShape, experts: [(layer: Int, expert: Int)], optimiser: AdamW.Settings) {
        self.shape = shape
        self.experts = experts
        self.optimiser = optimiser
    }

    /// The experts of a model; none for a dense one.
    init(_ configuration: ModelConfiguration, optimiser: AdamW.Settings) {
        self.init(
            shape: FeedForwardShape(configuration),
            experts: configuration.mixture.map { mixture in
                mixture.layers.sorted().flatMap { layer in (0..<mixture.expertCount(layer: layer)).map { (layer, $0) } }
            } ?? [], optimiser: optimiser)
    }

    /// Every tensor with its published name, in the order in which sums over them are made.
    public var tensors: [(place: ExpertTensor, name: String, shape: [Int])] {
        let own = shape.tensors
        return experts.flatMap { layer, expert in
            own.enumerated().map { index, tensor in
                (
                    ExpertTensor(layer: layer, expert: expert, tensor: index),
                    TensorNames.expert(layer: layer, expert: expert) + tensor.name, tensor.shape
                )
            }
        }
    }
}
