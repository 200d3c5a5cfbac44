import Tensors
import Training
import Wire

/// Domain experts on trainers that dial a port: the other implementation of `ExpertTrainers`.
///
/// Belongs to the learner's thread, which waits for answers here: the port's own thread does the rest.
public final class RemoteExperts: ExpertFleet {
    /// How many trainers are waited for, and how long.
    public struct Patience: Sendable {
        /// Trainers that share the experts; more of them are spare.
        public var trainers: Int
        /// Time for the first ones to come.
        public var atStart: Duration
        /// Time for a replacement after a loss; then those that are left share all experts.
        public var afterLoss: Duration

        public init(trainers: Int, atStart: Duration = .seconds(300), afterLoss: Duration = .seconds(30)) {
            self.trainers = trainers
            self.atStart = atStart
            self.afterLoss = afterLoss
        }
    }

    let port: TrainerPort
    private let patience: Patience
    private(set) var course = ExpertCourse(shape: FeedForwardShape(.gated, hidden: 1, inner: 1), experts: [], optimiser: AdamW.Settings())
    /// By index of expert.
    private(set) var holders: [Int: TrainerPort.Trainer] = [:]
    /// The trainers of the session, each with its experts in its own order.
    private(set) var shares: [(trainer: TrainerPort.Trainer, experts: [ExpertPlace])] = []
    private var hasBegun = false
    private(set) var step: UInt64 = 0
    private var forward: [Int: (parts: [PassUnderWay], ends: [PendingAnswer])] = [:]
    private var backward: [Int: (parts: [PassUnderWay], needsInput: Bool)] = [:]
    private var norms: [PendingAnswer] = []
    private var updates: [PendingAnswer] = []
    private var rows: UInt64 = 0
    private var leastBytes: UInt64 = 0

    public init(_ port: TrainerPort, _ patience: Patience) {
        self.port = port
        self.patience = patience
    }

    // MARK: - Sessions

    public func begin(
        _ course: ExpertCourse, steps: Int, state: (String, LearningState) throws -> Tensor?, isolation: isolated (any Actor)?
    ) async throws -> [TrainerShare] {
        self.course = course
        (forward, backward, norms, updates, step) = ([:], [:], [], [], UInt64(steps))
        let trainers = try await gather(isolation: isolation)
        let indices = Set(course.experts.map(\.expert)).sorted()
        holders = [:]
        for (turn, expert) in indices.enumerated() { holders[expert] = trainers[turn % trainers.count] }
        shares = trainers.compactMap { trainer in
            let mine = course.experts.filter { holders[$0.expert] == trainer }.map { ExpertPlace(layer: $0.layer, expert: $0.expert) }
            return mine.isEmpty ? nil : (trainer, mine)
        }
        try await port.begin(with: shares.map(\.trainer))
        hasBegun = true
        let optimiser = course.optimiser
        let opened = shares.map { share in
            port.call(
                .open(
                    OpenedExperts(
                        network: OpenedExperts.Network(course.shape.kind), hidden: course.shape.hidden, inner: course.shape.inner,
                        experts: share.experts, beta1: optimiser.beta1, beta2: optimiser.beta2, epsilon: optimiser.epsilon,
                        decay: optimiser.decay, steps: UInt64(steps))), of: share.trainer)
        }
        for answer in opened { _ = try answer.wait() }
        try load(state)
        return shares.map { share in TrainerShare(name: share.trainer.name, experts: Set(share.experts.map(\.expert)).sorted()) }
    }

    /// Those that will share the experts.
    private func gather(isolation: isolated (any Actor)?) async throws -> [TrainerPort.Trainer] {
        let start = ContinuousClock.now
        if hasBegun {
            do {
                return Array(try await port.trainers(atLeast: patience.trainers, until: start + patience.afterLoss).prefix(patience.trainers))
            } catch is TrainerPortError {
                // Those that are left take over; if none is, one that only slept may come back.
                return try await port.trainers(atLeast: 1, until: .now + max(patience.afterLoss, .seconds(5)))
            }
        }
        return Array(try await port.trainers(atLeast: patience.trainers, until: start + patience.atStart).prefix(patience.trainers))
    }

    /// Sends what is known of every tensor; a few at a time, so that they do not queue up in memory.
    private func load(_ state: (String, LearningState) throws -> Tensor?) throws {
        var sent: [PendingAnswer] = []
        for (place, name, _) in course.tensors {
            guard let holder = holders[place.expert] else { continue }
            for kind in LearningState.allCases {
                guard let values = try state(name, kind) else { continue }
                if sent.count >= 8 { _ = try sent.removeFirst().wait() }
                sent.append(port.call(.load(ExpertState(place, kind), values: values), of: holder))
            }
        }
        for answer in sent { _ = try answer.wait() }
    }

    public func copy(_ place: ExpertTensor, _ state: LearningState) throws -> Tensor {
        guard let holder = holders[place.expert] else { throw unknown(place.expert) }
        let wanted = course.shape.tensors.indices.contains(place.tensor) ? course.shape.tensors[place.tensor].shape.reduce(1, *) : 0
        return try numbers(port.call(.read(ExpertState(place, state)), of: holder).wait(), wanted)
    }

    // MARK: - A step

    public func submitForward(layer: Int, _ batches: [ExpertRows], keeps: Bool) throws {
        let parts = try send(layer, batches) { .forward($0) }
        // Right behind the rows, so that nobody waits for it: a trainer keeps this layer's at most.
        let ends = try keeps ? [] : endPass(layer, at: parts.map(\.trainer))
        forward[layer] = (parts, ends)
    }

    public func outputs(layer: Int, isolation: isolated (any Actor)?) async throws -> [Rows] {
        guard let (parts, ends) = forward.removeValue(forKey: layer) else { return [] }
        var outputs: [Int: Rows] = [:]
        for part in parts {
            let count = part.batches.reduce(0) { $0 + $1.rows }
            let all = try numbers(part.answer.wait(), count * course.shape.hidden)
            for (place, rows) in split(all, part.batches, from: 0) { outputs[place] = rows }
        }
        for answer in ends { _ = try answer.wait() }
        return outputs.sorted { $0.key < $1.key }.map(\.value)
    }

    public func submitBackward(layer: Int, _ gradients: [ExpertRows], needsInput: Bool) throws {
        backward[layer] = (try send(layer, gradients) { .backward($0, needsInput: needsInput) }, needsInput)
        // Forward and back, counted here: recomputed activations go forward twice.
        let count = gradients.reduce(0) { $0 + $1.rows.count }
        rows += UInt64(count)
        leastBytes += UInt64(count * (course.shape.hidden * (needsInput ? 4 : 3) + 1) * MemoryLayout<Float>.size)
    }

    public func gradients(layer: Int, isolation: isolated (any Actor)?) async throws -> [ExpertGradient] {
        guard let (parts, needsInput) = backward.removeValue(forKey: layer) else { return [] }
        var gradients: [Int: ExpertGradient] = [:]
        for part in parts {
            let count = part.batches.reduce(0) { $0 + $1.rows }
            let all = try numbers(part.answer.wait(), count * (1 + (needsInput ? course.shape.hidden : 0)))
            let inputs = needsInput ? Dictionary(uniqueKeysWithValues: split(all, part.batches, from: count)) : [:]
            let dots = all.withUnsafeBytes { Array($0.bindMemory(to: Float.self).prefix(count)) }
            var first = 0
            for (place, rows) in part.batches {
                gradients[place] = ExpertGradient(input: inputs[place], dots: Array(dots[first..<first + rows]))
                first += rows
            }
        }
        return gradients.sorted { $0.key < $1.key }.map(\.value)
    }

    public func submitNorm() throws { norms = shares.map { port.call(.norm(step: step), of: $0.trainer) } }

    public func squaredGradients(isolation: isolated (any Actor)?) async throws -> [Double] {
        let tensors = course.shape.tensors.count
        var sums: [ExpertPlace: ArraySlice<Double>] = [:]
        for (share, answer) in zip(shares, norms) {
            let result = try answer.wait()
            guard result.sums.count == share.experts.count * tensors else {
                throw TrainerFailure(.malformed, "trainer '\(share.trainer.name)' sent \(result.sums.count) sums for \(share.experts.count) experts of \(tensors) tensors")
            }
            for (index, place) in share.experts.enumerated() { sums[place] = result.sums[index * tensors..<(index + 1) * tensors] }
        }
        norms = []
        return course.experts.flatMap { sums[ExpertPlace(layer: $0.layer, expert: $0.expert)] ?? [] }
    }

    public func submitUpdate(rate: Float, scale: Float) throws {
        updates = shares.map { port.call(.update(step: step, scale: scale, rate: rate), of: $0.trainer) }
    }

    public func updated(isolation: isolated (any Actor)?) async throws {
        for answer in updates { _ = try answer.wait() }
        updates = []
        step += 1
    }

    public func traffic(isolation: isolated (any Actor)?) async -> FleetTraffic {
        let traffic = await port.traffic()
        func both(_ kinds: [TrainerTraffic.Kind]) -> TrainerTraffic.Flow {
            kinds.map { traffic[$0].there + traffic[$0].back }.reduce(TrainerTraffic.Flow(), +)
        }
        let learning = both([.forward, .backward, .norm, .update]) + traffic.repeats.there + traffic.repeats.back
        return FleetTraffic(
            messages: learning.messages, bytes: learning.bytes, stateBytes: both([.open, .load, .read]).bytes, rows: rows,
            leastBytes: leastBytes)
    }
}

extension OpenedExperts.Network {
    init(_ kind: FeedForwardShape.Kind) {
        self = switch kind {
            case .gated: .gated
            case .twoLayers: .twoLayers
        }
    }
}

extension ExpertState {
    init(_ place: ExpertTensor, _ state: LearningState) {
        let kind: Kind = switch state {
            case .value: .value
            case .mean: .mean
            case .variance: .variance
        }
        self.init(ExpertPlace(layer: place.layer, expert: place.expert), tensor: place.tensor, kind: kind)
    }
}
