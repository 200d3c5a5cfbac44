import Tensors
import Training
import Wire

/// The experts of a trainer: carries out what the coordinator asks.
///
/// Lives on the compute thread, which makes it.
public final class TrainerBank: TrainerComputing {
    private struct Session {
        let opened: OpenedExperts
        let experts: HostedExperts
        var step: UInt64
        /// Bytes that are left for the rows of all passes.
        let room: Int
        /// What a row takes of them.
        let memory: RowMemory
    }

    private let context: TrainingContext
    private let memoryLimit: Int?
    private var session: Session?

    /// - Parameters:
    ///   - threads: that compute.
    ///   - memoryLimit: bytes that experts, their optimiser's state and the rows of all open passes may take; nil for what the system
    ///     can give when a session is opened.
    public init(threads: Int, memoryLimit: Int? = nil) {
        context = TrainingContext(threads: threads)
        self.memoryLimit = memoryLimit
    }

    public func forget() { session = nil }

    /// What computes, to tell the user at start.
    public var summary: String { context.summary }

    public func carryOut(_ call: TrainerCall) throws(TrainerFailure) -> TrainerResult {
        let start = ContinuousClock.now
        var result: TrainerResult
        do {
            result = try perform(call)
        } catch let failure as TrainerFailure {
            throw failure
        } catch {
            throw TrainerFailure(.malformed, "\(error)")
        }
        result.computeNanoseconds = UInt64(clamping: Int64(start.duration(to: .now) / .nanoseconds(1)))
        return result
    }

    private func perform(_ call: TrainerCall) throws -> TrainerResult {
        if case .open(let opened) = call {
            try open(opened)
            return TrainerResult()
        }
        guard let session else { throw TrainerFailure(.noSession, "nothing was opened here") }
        let experts = session.experts
        switch call {
        case .open: return TrainerResult()
        case .load(let state, let values):
            try experts.fill(ExpertTensor(state), LearningState(state.kind), with: values)
            return TrainerResult()
        case .read(let state): return TrainerResult(numbers: try experts.copy(ExpertTensor(state), LearningState(state.kind)))
        case .forward(let pass):
            return TrainerResult(numbers: try joined(experts.forward(layer: pass.layer, try batches(pass, session)), dots: []))
        case .backward(let pass, let needsInput):
            let gradients = try experts.backward(layer: pass.layer, try batches(pass, session), needsInput: needsInput)
            return TrainerResult(numbers: try joined(gradients.compactMap(\.input), dots: gradients.flatMap(\.dots)))
        case .norm(let step):
            try check(step, session)
            return TrainerResult(sums: experts.squaredGradients())
        case .update(let step, let scale, let rate):
            try check(step, session)
            experts.update(rate: rate, scale: scale)
            self.session?.step += 1
            return TrainerResult()
        }
    }

    private func open(_ opened: OpenedExperts) throws {
        // What the session before held goes first.
        session = nil
        let shape = FeedForwardShape(FeedForwardShape.Kind(opened.network), hidden: opened.hidden, inner: opened.inner)
        let limit = min(memoryLimit ?? .max, SystemMemory.available)
        // Weight, gradient, and two moments.
        let needed = shape.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } * opened.experts.count * 4 * MemoryLayout<Float>.size
        guard needed <= limit else {
            throw TrainerFailure(
                .memory,
                "\(opened.experts.count) experts of width \(opened.hidden) × \(opened.inner) take \(needed >> 20) MiB with their optimiser's state, but this trainer has \(limit >> 20) MiB: start more trainers, or larger ones")
        }
        let course = ExpertCourse(
            shape: shape, experts: opened.experts.map { ($0.layer, $0.expert) },
            optimiser: AdamW.Settings(beta1: opened.beta1, beta2: opened.beta2, epsilon: opened.epsilon, decay: opened.decay))
        session = Session(
            opened: opened, experts: HostedExperts(course, steps: Int(clamping: opened.steps), context), step: opened.steps,
            room: limit - needed, memory: RowMemory(shape))
    }

    private func check(_ step: UInt64, _ session: Session) throws {
        guard step == session.step else {
            throw TrainerFailure(.malformed, "step \(step) was asked for, but this trainer is at step \(session.step)")
        }
    }

    /// The rows of each expert.
    private func batches(_ pass: ExpertPass, _ session: Session) throws -> [ExpertRows] {
        try check(pass.step, session)
        let width = session.opened.hidden
        let count = pass.segments.reduce(0) { $0 + $1.rows }
        guard pass.rows.dtype == .float32, pass.rows.shape == [count, width] else {
            throw TrainerFailure(.malformed, "rows of extents \(pass.rows.shape) came for \(count) rows of width \(width)")
        }
        try checkRoom(for: count, layer: pass.layer, session)
        var first = 0
        return pass.segments.map { segment in
            let rows = Rows(count: segment.rows, width: width)
            let size = width * MemoryLayout<Float>.size
            pass.rows.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(rows.buffer).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[first * size..<(first + segment.rows) * size]))
            }
            first += segment.rows
            return ExpertRows(expert: segment.expert, rows: rows)
        }
    }

    /// Whether rows can be computed beside the passes of other layers that wait for their gradients: without recomputation every
    /// mixture layer has one.
    private func checkRoom(for rows: Int, layer: Int, _ session: Session) throws {
        // An open pass of the same layer goes, or is the one that these rows' gradients belong to.
        let waiting = session.experts.openRows.reduce(0) { $0 + ($1.key == layer ? 0 : $1.value) }
        let (needed, held) = (rows * session.memory.computing, waiting * session.memory.open)
        guard held + needed > session.room else { return }
        let others = waiting == 0 ? "" : ", and \(waiting) rows of other layers that wait for their gradients \(held >> 20) MiB"
        let recomputing = waiting == 0 ? "" : ", with --recompute"
        throw TrainerFailure(
            .memory,
            "\(rows) rows of layer \(layer) take \(needed >> 20) MiB beside the experts\(others), but this trainer has \(session.room >> 20) MiB left: learn with a smaller --micro-batch\(recomputing), or on more trainers")
    }

    /// Dot products, then all rows behind each other, `[count]`.
    private func joined(_ parts: [Rows], dots: [Float]) throws -> Tensor {
        let count = dots.count + parts.reduce(0) { $0 + $1.elementCount }
        let storage = Storage.filled(byteCount: count * MemoryLayout<Float>.size) { target in
            var offset = 0
            func add(_ bytes: UnsafeRawBufferPointer) {
                UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + bytes.count]).copyMemory(from: bytes)
                offset += bytes.count
            }
            dots.withUnsafeBytes(add)
            for part in parts { add(UnsafeRawBufferPointer(part.buffer)) }
        }
        return try Tensor(dtype: .float32, shape: [count], storage: storage)
    }
}

extension FeedForwardShape.Kind {
    init(_ network: OpenedExperts.Network) {
        self = switch network {
            case .gated: .gated
            case .twoLayers: .twoLayers
        }
    }
}

extension ExpertTensor {
    init(_ state: ExpertState) { self.init(layer: state.place.layer, expert: state.place.expert, tensor: state.tensor) }
}

extension LearningState {
    init(_ kind: ExpertState.Kind) {
        self = switch kind {
            case .value: .value
            case .mean: .mean
            case .variance: .variance
        }
    }
}
