import Language
import Tensors

/// Answers requests with a model: admits them, runs them in one batch step by step, and streams what comes out.
///
/// The actor lives on its own compute thread. It waits for experts without blocking that thread.
public actor InferenceEngine: AnswerEngine {
    /// Makes the way to the experts, on the compute thread.
    public typealias DispatchFactory = @Sendable (ComputeContext) throws -> any ExpertDispatch

    public nonisolated let model: MedMoEModel
    private let options: EngineOptions
    private let makeDispatch: DispatchFactory
    private let executor = ComputeExecutor()
    private let clock = ContinuousClock()
    private var running: [RunningRequest] = []
    private var waiting: [RunningRequest] = []
    private var isDriving = false
    /// The step under way, and whose rows are in it.
    private var currentStep: (handles: [AskHandle], work: Task<Void, any Error>)?
    private var machinery: Machinery?

    /// What exists only on the compute thread.
    struct Machinery {
        let context: ComputeContext
        let dispatch: any ExpertDispatch
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public init(model: MedMoEModel, options: EngineOptions, dispatch: @escaping DispatchFactory) {
        self.model = model
        self.options = options
        makeDispatch = dispatch
    }

    deinit { executor.stop() }

    public nonisolated func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            let handle = AskHandle()
            continuation.onTermination = { reason in
                guard case .cancelled = reason else { return }
                handle.cancel()
                Task { await self.giveUpCancelledStep() }
            }
            Task { await self.accept(request, handle, continuation) }
        }
    }

    /// Which matrix library, kernels and threads compute.
    public func computeSummary() throws -> String { try ready().context.gemm.summary }

    /// Requests that run, requests that wait, and bytes of the running ones' KV caches.
    public var load: (running: Int, waiting: Int, cacheBytes: Int) {
        (running.count, waiting.count, running.reduce(0) { $0 + ($1.cache?.byteCount ?? 0) })
    }

    var rowsPerStep: Int { options.rowsPerStep }

    func ready() throws -> Machinery {
        if let machinery { return machinery }
        let context = try ComputeContext(engine: options.gemm, threads: options.threads)
        let made = Machinery(context: context, dispatch: try makeDispatch(context))
        machinery = made
        return made
    }

    // MARK: Joining and leaving

    private func accept(_ request: AnswerRequest, _ handle: AskHandle, _ continuation: RunningRequest.Continuation) {
        guard !handle.isCancelled else { return }
        do {
            // Places are given out by the next step: until then even those that will run wait here.
            guard waiting.count + running.count < options.maximumWaiting + options.maximumRunning else {
                throw AnswerError(.overloaded, "\(waiting.count) requests wait already: try again later")
            }
            waiting.append(
                try RunningRequest(
                    request: request, handle: handle, continuation: continuation, tokenizer: model.tokenizer, now: clock.now))
        } catch {
            continuation.finish(throwing: error)
            return
        }
        guard !isDriving else { return }
        isDriving = true
        Task { await self.drive() }
    }

    /// A step that waits for the experts of a request that nobody wants any more would hold up the others: it is given up,
    /// and they try it again.
    private func giveUpCancelledStep() {
        if let currentStep, currentStep.handles.contains(where: \.isCancelled) { currentStep.work.cancel() }
    }

    private func drive() async {
        while true {
            dropCancelled()
            failExpired()
            admitOne()
            guard !running.isEmpty else {
                if waiting.isEmpty { break }
                continue
            }
            await step()
            // New requests and cancellations are jobs of this actor: let them in between steps.
            await Task.yield()
        }
        isDriving = false
    }

    private func dropCancelled() {
        running.removeAll { $0.handle.isCancelled }
        waiting.removeAll { $0.handle.isCancelled }
    }

    private func failExpired() {
        let now = clock.now
        func expire(_ requests: inout [RunningRequest]) {
            requests.removeAll { request in
                guard request.deadline <= now else { return false }
                request.continuation.finish(
                    throwing: AnswerError(.deadline, "the deadline of \(request.request.deadlineMilliseconds) ms passed: allow more time"))
                return true
            }
        }
        expire(&running)
        expire(&waiting)
    }

    /// Takes in one request per step: encoding an image takes a while, and the others' decoding goes on in between.
    private func admitOne() {
        guard running.count < options.maximumRunning, !waiting.isEmpty else { return }
        let request = waiting.removeFirst()
        do {
            request.admit(at: clock.now)
            try prepare(request)
            running.append(request)
        } catch {
            request.continuation.finish(throwing: error)
        }
    }

    private func prepare(_ running: RunningRequest) throws {
        let context = try ready().context
        let request = running.request
        let plan = try model.promptPlan(for: request)
        var trace = ImageTrace()
        let images = try request.images.enumerated().map { index, file in
            try model.encodeImage(file, named: "image \(index + 1)", context, trace: &trace)
        }
        let prompt = try model.embed(plan.segments, images: images)
        let room = model.configuration.contextLength - prompt.rows.count
        let limit: Int
        let goal: RunningRequest.Goal
        if let labels = plan.labels {
            limit = labels.map(\.tokens.count).max() ?? 1
            goal = .classify(labels: labels, found: [])
            guard limit - 1 <= room else {
                throw AnswerError(.contextLength, "the prompt has \(prompt.rows.count) tokens and the longest label \(limit); the model's context is \(model.configuration.contextLength)")
            }
        } else {
            guard request.maximumTokens > 0 else {
                throw AnswerError(.invalidRequest, "the most tokens to generate is \(request.maximumTokens); it must be at least 1")
            }
            limit = min(request.maximumTokens, room)
            goal = .generate
        }
        let cache = try model.backbone.makeCache(positions: prompt.rows.count + limit)
        running.begin(prompt: prompt, cache: cache, goal: goal, tokenLimit: limit, at: clock.now)
    }

    // MARK: One step

    private func step() async {
        let needs = running.compactMap(\.need)
        guard needs.count == running.count else { return }
        let plan = StepPlan(needs: needs, budget: options.rowsPerStep)
        let shares = plan.items.map { (request: running[$0.request], need: $0.need) }
        let work = Task { try await compute(shares) }
        currentStep = (shares.map(\.request.handle), work)
        let outcome = await work.result
        currentStep = nil
        guard case .failure(let error) = outcome else { return }
        if work.isCancelled, error is CancellationError || error as? DispatchError == .cancelled { return }
        fail(shares.map(\.request), with: error)
    }

    private func compute(_ shares: [(request: RunningRequest, need: StepPlan.Need)]) async throws {
        let machinery = try ready()
        let batch = try StepBatch(shares, model: model)
        var routed: [RoutedTile] = []
        let pass = ForwardPass(
            segments: batch.segments, context: machinery.context, dispatch: machinery.dispatch,
            deadline: shares.map(\.request.deadline).min() ?? clock.now, observer: nil, routed: { routed.append($0) })
        let hidden = try await model.backbone(batch.input, pass)
        let logits = try batch.logitRows.isEmpty
            ? nil : model.backbone.logits(Rows(hidden.gathered(batch.logitRows)), machinery.context)
        // Everything succeeded: only now do the requests move on.
        batch.count(routed)
        var ended: [ObjectIdentifier] = []
        for share in batch.shares {
            share.request.cache?.advance(by: share.advance)
            guard let logits, let place = share.firstLogitRow else { continue }
            let rows = (place..<place + share.logitRowCount).map {
                UnsafeBufferPointer(start: logits.row($0), count: logits.width)
            }
            do {
                if let finish = try advance(share.request, need: share.need, rows: rows) {
                    let summary = share.request.summary(finish, modelDigest: model.digest, now: clock.now)
                    share.request.continuation.yield(.done(summary))
                    share.request.continuation.finish()
                    ended.append(ObjectIdentifier(share.request))
                }
            } catch {
                share.request.continuation.finish(throwing: error)
                ended.append(ObjectIdentifier(share.request))
            }
        }
        withExtendedLifetime(logits) {}
        running.removeAll { ended.contains(ObjectIdentifier($0)) }
    }

    /// Gives a request its logits; returns why it ended, if it did.
    private func advance(
        _ request: RunningRequest, need: StepPlan.Need, rows: [UnsafeBufferPointer<Float>]
    ) throws -> AnswerSummary.Finish? {
        switch (need, request.goal) {
        case (.label, _): return request.scoreLabel(rows: rows) ? .classified : nil
        case (_, .classify):
            request.scoreFirstTokens(logits: rows[0], now: clock.now)
            return nil
        case (_, .generate):
            return try request.take(logits: rows[0], endToken: model.configuration.endTokenID, now: clock.now)
        }
    }

    /// After a failed step: who is out of time fails with the reason, everybody else tries the step again.
    private func fail(_ requests: [RunningRequest], with error: any Error) {
        let now = clock.now
        var failed = requests
        if let dispatch = error as? DispatchError {
            switch dispatch {
            case .expertsLost, .uncovered, .deadline, .overloaded: failed = requests.filter { $0.deadline <= now }
            case .rejected, .cancelled: break
            }
            // The dispatch may give up a little early; somebody must go, or the step would repeat for ever.
            if failed.isEmpty, let first = requests.min(by: { $0.deadline < $1.deadline }) { failed = [first] }
        }
        for request in failed { request.continuation.finish(throwing: AnswerError(describing: error)) }
        let identities = Set(failed.map { ObjectIdentifier($0) })
        running.removeAll { identities.contains(ObjectIdentifier($0)) }
    }
}

extension AnswerError {
    /// The error that an asker sees for whatever went wrong inside.
    init(describing error: any Error) {
        switch error {
        case let error as AnswerError: self = error
        case let error as DispatchError:
            switch error {
            case .expertsLost, .uncovered: self.init(.expertsLost, error.description)
            case .overloaded: self.init(.overloaded, error.description)
            case .deadline: self.init(.deadline, error.description)
            case .cancelled: self.init(.unavailable, error.description)
            case .rejected: self.init(.internal, error.description)
            }
        default: self.init(.internal, "\(error)")
        }
    }
}
