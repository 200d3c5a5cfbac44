import Checkpoints
import Tensors

/// Some experts with their optimiser: what a trainer holds.
///
/// Lives on the thread that made it.
public final class HostedExperts {
    private let experts: LocalExperts
    private let parameters: [ExpertTensor: Parameter]
    private let optimiser: AdamW
    private let places: [ExpertTensor: Int]
    private let context: TrainingContext

    /// Experts whose numbers are all zero.
    ///
    /// - Parameters:
    ///   - course: which experts; sums are made in its order.
    ///   - steps: updates that were made before.
    public init(_ course: ExpertCourse, steps: Int, _ context: TrainingContext) {
        self.context = context
        var parameters: [ExpertTensor: Parameter] = [:]
        var ordered: [Parameter] = []
        var places: [ExpertTensor: Int] = [:]
        for (place, name, shape) in course.tensors {
            let columns = shape.count > 1 ? shape.dropFirst().reduce(1, *) : shape.first ?? 1
            let value = Rows(count: shape.reduce(1, *) / max(1, columns), width: columns)
            value.buffer.update(repeating: 0)
            let parameter = Parameter(name: name, shape: shape, value: value)
            parameter.setLearns(true)
            parameters[place] = parameter
            places[place] = ordered.count
            ordered.append(parameter)
        }
        var networks: [Int: [Int: FeedForwardLayer]] = [:]
        for (layer, expert) in course.experts {
            var tensor = -1
            networks[layer, default: [:]][expert] = course.shape.network { name, shape in
                tensor += 1
                return parameters[ExpertTensor(layer: layer, expert: expert, tensor: tensor)]
                    ?? Parameter(name: name, shape: shape, value: Rows(count: 0, width: 1))
            }
        }
        experts = LocalExperts(networks, context)
        optimiser = AdamW(ordered, settings: course.optimiser)
        optimiser.resume(after: steps)
        self.parameters = parameters
        self.places = places
    }

    /// Sets one tensor.
    ///
    /// - Throws: `TrainingError.impossible` for a tensor that is not held here or has other numbers of elements.
    public func fill(_ place: ExpertTensor, _ state: LearningState, with values: Tensor) throws {
        let rows = try rows(place, state)
        guard values.dtype == .float32, values.elementCount == rows.elementCount else {
            throw TrainingError.impossible(
                "\(state.rawValue) of tensor \(place.tensor) of expert \(place.expert) in layer \(place.layer) has \(rows.elementCount) numbers, not \(values.elementCount)")
        }
        values.withUnsafeBytes { UnsafeMutableRawBufferPointer(rows.buffer).copyMemory(from: $0) }
    }

    /// A copy of one tensor, with its extents.
    ///
    /// - Throws: `TrainingError.impossible` for a tensor that is not held here.
    public func copy(_ place: ExpertTensor, _ state: LearningState) throws -> Tensor {
        try rows(place, state).tensor(shape: parameters[place]?.shape)
    }

    /// Rows of the forward passes that wait for their gradients, by layer.
    public var openRows: [Int: Int] { experts.openRows }

    /// The outputs of some experts of one layer, `[rows, hidden]` each. What the backward pass needs is kept until that pass, the
    /// layer's next forward pass, or an update.
    ///
    /// - Throws: `TrainingError` for an expert that is not held here.
    public func forward(layer: Int, _ batches: [ExpertRows]) throws -> [Rows] {
        try experts.forward(layer: layer, batches, keeps: true)
    }

    /// Collects gradients of the experts' weights; `gradients` are those of the outputs, for the same experts and rows. Without any
    /// it gives back what the forward pass kept, and does nothing else.
    ///
    /// - Throws: `TrainingError` for an expert without an open forward pass.
    public func backward(layer: Int, _ gradients: [ExpertRows], needsInput: Bool) throws -> [ExpertGradient] {
        try experts.backward(layer: layer, gradients, needsInput: needsInput)
    }

    /// Sum of squares of each tensor's gradient, in the order of the course.
    public func squaredGradients() -> [Double] { optimiser.squaredGradients(context) }

    /// Changes the weights by their gradients, and sets those to zero. What forward passes kept belongs to the weights of before, and
    /// goes.
    public func update(rate: Float, scale: Float) {
        experts.endPasses()
        optimiser.step(rate: rate, scale: scale, context)
    }

    private func rows(_ place: ExpertTensor, _ state: LearningState) throws -> Rows {
        guard let parameter = parameters[place], let index = places[place] else {
            throw TrainingError.impossible("expert \(place.expert) of layer \(place.layer) has no tensor \(place.tensor) here")
        }
        return switch state {
        case .value: parameter.value
        case .mean: optimiser.moments[index].mean
        case .variance: optimiser.moments[index].variance
        }
    }
}
