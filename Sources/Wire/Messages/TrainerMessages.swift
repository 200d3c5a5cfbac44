import Tensors

extension WireLimits {
    /// Updates that may have been made before a session.
    public static let trainingSteps: UInt64 = 1 << 40
}

/// A domain expert of a mixture layer.
public struct ExpertPlace: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var layer: Int
    public var expert: Int

    public init(layer: Int, expert: Int) {
        self.layer = layer
        self.expert = expert
    }

    public static func < (a: Self, b: Self) -> Bool { (a.layer, a.expert) < (b.layer, b.expert) }

    public var description: String { "expert \(expert) of layer \(layer)" }
}

/// What a coordinator tells a trainer.
public enum MessageToTrainer: Sendable {
    case beat
    case call(NumberedCall)
    case rejected(Rejection)
    case goodbye(reason: String)
}

/// What a trainer tells a coordinator.
public enum TrainerMessage: Sendable {
    case hello(TrainerHello)
    case beat(TrainerBeat)
    case answer(TrainerAnswer)
    case goodbye(reason: String)
}

/// A trainer introduces itself: first message of a connection.
public struct TrainerHello: Sendable, Hashable {
    /// New for every start of the process; the socket's identity is 'W' and these.
    public var incarnation: Incarnation
    /// Shown to people, need not be unique.
    public var name: String

    public init(incarnation: Incarnation, name: String) {
        self.incarnation = incarnation
        self.name = name
    }
}

/// A trainer is alive, and this is how far it got.
public struct TrainerBeat: Sendable, Hashable {
    /// The session that it is in; 0 for none.
    public var session: UInt64
    /// Number of the last call that arrived.
    public var accepted: UInt64
    /// Number of the last call that was answered.
    public var answered: UInt64

    public init(session: UInt64, accepted: UInt64, answered: UInt64) {
        self.session = session
        self.accepted = accepted
        self.answered = answered
    }
}

/// A call in its place: a trainer carries calls out in the order of their numbers, each once.
public struct NumberedCall: Sendable {
    /// Names the session; never 0. A call numbered 1 with another session than before begins a new one.
    public var session: UInt64
    /// From 1 in every session.
    public var number: UInt64
    /// All calls up to this one were answered, and the answers arrived: the trainer need not keep them.
    public var acknowledged: UInt64
    public var call: TrainerCall

    public init(session: UInt64, number: UInt64, acknowledged: UInt64, call: TrainerCall) {
        self.session = session
        self.number = number
        self.acknowledged = acknowledged
        self.call = call
    }
}

/// What a trainer is asked to do.
public enum TrainerCall: Sendable {
    /// Begins a session: holds these experts, whose numbers are zero until they are loaded.
    case open(OpenedExperts)
    /// Sets a tensor of an expert's state. `values` has any shape with the right number of elements.
    case load(ExpertState, values: Tensor)
    /// Answers with a tensor of an expert's state.
    case read(ExpertState)
    /// Answers with E(h) of every row; h is kept for `backward`.
    case forward(ExpertPass)
    /// Rows are the gradients of what `forward` gave, times the gate's factors. Answers with ⟨dY·g, E(h)⟩ per row, then,
    /// if wanted, with the gradient of h.
    case backward(ExpertPass, needsInput: Bool)
    /// Answers with the sum of squares of each tensor's gradient, in the order of experts and tensors.
    case norm(step: UInt64)
    /// Changes the weights: gradients are multiplied by `scale` first.
    case update(step: UInt64, scale: Float, rate: Float)
}

/// What a trainer holds in a session.
public struct OpenedExperts: Sendable, Hashable {
    /// The feed-forward network of a backbone.
    public enum Network: UInt32, Sendable, Hashable, CaseIterable {
        /// `down(silu(gate(x)) · up(x))`, without biases: three tensors.
        case gated = 1
        /// Two layers with biases and tanh-GELU between them: four tensors.
        case twoLayers = 2
    }

    public var network: Network
    /// Width of rows.
    public var hidden: Int
    /// Width between the layers.
    public var inner: Int
    /// Ascending.
    public var experts: [ExpertPlace]
    public var beta1: Float
    public var beta2: Float
    public var epsilon: Float
    public var decay: Float
    /// Updates that were made before, at most `WireLimits.trainingSteps`.
    public var steps: UInt64

    public init(
        network: Network, hidden: Int, inner: Int, experts: [ExpertPlace], beta1: Float, beta2: Float, epsilon: Float,
        decay: Float, steps: UInt64
    ) {
        self.network = network
        self.hidden = hidden
        self.inner = inner
        self.experts = experts
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.decay = decay
        self.steps = steps
    }
}

/// One tensor of what an expert is while it learns.
public struct ExpertState: Sendable, Hashable {
    public enum Kind: UInt32, Sendable, Hashable, CaseIterable {
        case value = 1
        /// Running mean of the gradients.
        case mean = 2
        /// Running uncentred variance of the gradients.
        case variance = 3
    }

    public var place: ExpertPlace
    /// Which tensor of the network, from 0.
    public var tensor: Int
    public var kind: Kind

    public init(_ place: ExpertPlace, tensor: Int, kind: Kind) {
        self.place = place
        self.tensor = tensor
        self.kind = kind
    }
}

/// Rows for some experts of a layer.
public struct ExpertPass: Sendable {
    /// Rows of one expert.
    public struct Segment: Sendable, Hashable {
        public var expert: Int
        public var rows: Int

        public init(expert: Int, rows: Int) {
            self.expert = expert
            self.rows = rows
        }
    }

    public var step: UInt64
    public var layer: Int
    /// Different experts, ascending.
    public var segments: [Segment]
    /// The rows of all segments behind each other, `[rows, hidden]`, float32.
    public var rows: Tensor

    public init(step: UInt64, layer: Int, segments: [Segment], rows: Tensor) {
        self.step = step
        self.layer = layer
        self.segments = segments
        self.rows = rows
    }
}

/// What came of a call.
public struct TrainerAnswer: Sendable {
    public var session: UInt64
    public var number: UInt64
    public var result: Result<TrainerResult, TrainerFailure>

    public init(session: UInt64, number: UInt64, result: Result<TrainerResult, TrainerFailure>) {
        self.session = session
        self.number = number
        self.result = result
    }
}

public struct TrainerResult: Sendable {
    /// Numbers that were asked for, `[count]`, float32; nil for none.
    public var numbers: Tensor?
    /// Sums that were asked for.
    public var sums: [Double]
    public var computeNanoseconds: UInt64

    public init(numbers: Tensor? = nil, sums: [Double] = [], computeNanoseconds: UInt64 = 0) {
        self.numbers = numbers
        self.sums = sums
        self.computeNanoseconds = computeNanoseconds
    }
}

/// A call that a trainer cannot carry out.
public struct TrainerFailure: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: UInt32, Sendable, Hashable, CaseIterable {
        case unknown = 0
        /// The session is not the one that this trainer is in: it is a new process, or serves another coordinator.
        case noSession = 1
        /// The call does not fit what the session holds.
        case malformed = 2
        /// Computing failed.
        case compute = 3
        /// There is no memory for these experts.
        case memory = 4
    }

    public var code: Code
    public var reason: String

    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    public var description: String { reason }
}
