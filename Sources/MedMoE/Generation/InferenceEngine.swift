import Language
import Tensors

/// Answers requests with a model: admits them, runs them in batches step by step, and streams what comes out.
///
/// The actor lives on its own compute thread. It waits for experts without blocking that thread: while one lane of requests
/// waits, another computes.
public actor InferenceEngine: AnswerEngine {
    /// Makes the way to the experts, on the compute thread.
    public typealias DispatchFactory = @Sendable (ComputeContext) throws -> any ExpertDispatch

    public nonisolated let model: MedMoEModel
    let options: EngineOptions
    private let makeDispatch: DispatchFactory
    private let executor = ComputeExecutor()
    let clock = ContinuousClock()
    /// Where requests normally run.
    let ordinaryLanes: [Lane]
    /// One per request that waits for a lost expert.
    var stalledLanes: [Lane] = []
    /// Requests without a place, in the order of arrival.
    var waiting: [RunningRequest] = []
    var admissions = 0
    var finishRate = FinishRate()
    /// Ends requests whose time is over while no step does.
    var timer: (wakes: ContinuousClock.Instant, task: Task<Void, Never>)?
    /// Times that a request was moved into a lane of its own.
    private(set) var stallCount = 0
    /// Sees the logits of every row that has some, by request id; for tests.
    var logitsObserver: ((_ request: String, _ logits: UnsafeBufferPointer<Float>) -> Void)?
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
        ordinaryLanes = (0..<options.lanes).map { _ in Lane(.ordinary) }
    }

    deinit {
        timer?.task.cancel()
        executor.stop()
    }

    public nonisolated func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            let handle = AskHandle()
            continuation.onTermination = { reason in
                guard case .cancelled = reason else { return }
                handle.cancel()
                Task { await self.sweep() }
            }
            Task { await self.accept(request, handle, continuation) }
        }
    }

    /// Which matrix library, kernels and threads compute.
    public func computeSummary() throws -> String { try ready().context.gemm.summary }

    /// Requests that run (stalled ones included), requests that wait, and bytes of the running ones' KV caches.
    public var load: (running: Int, waiting: Int, cacheBytes: Int) {
        let running = running
        return (running.count, waiting.count, running.reduce(0) { $0 + ($1.cache?.byteCount ?? 0) })
    }

    /// Requests that wait for lost experts at the moment, and how often that has happened.
    public var stalls: (now: Int, total: Int) { (stalledLanes.count { !$0.requests.isEmpty }, stallCount) }

    var rowsPerStep: Int { options.rowsPerStep }

    var lanes: [Lane] { ordinaryLanes + stalledLanes }
    var running: [RunningRequest] { lanes.flatMap(\.requests) }

    func ready() throws -> Machinery {
        if let machinery { return machinery }
        let context = try ComputeContext(engine: options.gemm, threads: options.threads)
        let made = Machinery(context: context, dispatch: try makeDispatch(context))
        machinery = made
        return made
    }

    // MARK: Lanes

    /// The ordinary lane with the fewest requests.
    var emptiestLane: Lane? { ordinaryLanes.min { $0.requests.count < $1.requests.count } }

    /// Sees to it that a lane with work, or with room for waiting requests, is run.
    func wake() {
        if mayAdmit, let lane = emptiestLane { start(lane) }
        for lane in lanes where !lane.requests.isEmpty { start(lane) }
    }

    private func start(_ lane: Lane) {
        guard !lane.isDriving else { return }
        lane.isDriving = true
        Task { await self.drive(lane) }
    }

    private func drive(_ lane: Lane) async {
        while true {
            sweep()
            if lane.kind == .ordinary { admitOne() }
            guard !lane.requests.isEmpty else {
                if lane.kind == .ordinary, mayAdmit { continue }
                break
            }
            if await step(lane), lane.kind == .stalled { rejoin(lane) }
            // New requests and cancellations are jobs of this actor: let them in between steps.
            await Task.yield()
        }
        lane.isDriving = false
        stalledLanes.removeAll { $0 === lane }
        // Whoever left may have made room.
        wake()
    }

    /// Moves requests into stalled lanes, one each: they may wait for different experts.
    func park(_ requests: [RunningRequest], from lane: Lane, because trouble: DispatchError) {
        for request in requests {
            lane.leave(request)
            request.trouble = trouble
            stalledLanes.append(Lane(.stalled, [request]))
            stallCount += 1
        }
        wake()
    }

    /// The experts are back: what waited for them goes on among the others.
    private func rejoin(_ lane: Lane) {
        for request in lane.requests {
            lane.leave(request)
            emptiestLane?.join(request)
        }
        wake()
    }

    /// Ends a request that runs.
    func end(_ request: RunningRequest, in lane: Lane, throwing error: (any Error)? = nil) {
        lane.leave(request)
        request.continuation.finish(throwing: error)
        finishRate.record(clock.now)
    }
}
