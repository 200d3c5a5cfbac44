import Logging
import MedMoE
import Synchronization
import Tensors
import Wire

/// Why a worker ended.
public enum WorkerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A coordinator refused this worker.
    case rejected(endpoint: String, Rejection)

    public var description: String {
        switch self {
        case .rejected(let endpoint, let rejection): "the coordinator at \(endpoint) refused this worker: \(rejection.reason)"
        }
    }
}

/// A worker: one I/O thread, one compute thread, and somebody who computes tiles.
public final class WorkerEndpoint: Sendable {
    public struct Configuration: Sendable {
        /// Shown to people; need not be unique.
        public var name: String
        public var coordinators: [Endpoint]
        /// Whether a rejection ends the worker (it is tried again with growing pauses otherwise).
        public var endsWhenRejected = true
        /// Where tiles are computed; nil makes a thread for it.
        public var executor: (any TaskExecutor)?
        /// For tests of what a cluster does about bad workers.
        package var interception: WorkerInterception?

        public init(name: String, coordinators: [Endpoint]) {
            self.name = name
            self.coordinators = coordinators
        }
    }

    private let loop: SocketLoop<WorkerLoop.Command>
    private let ending: Ending
    private let ownThread: ComputeExecutor?
    private let jobs: AsyncStream<WorkerMachine.Job>.Continuation
    private let computing: Task<Void, Never>

    /// Starts both threads; the coordinators are dialled, now or as soon as they are there.
    ///
    /// - Throws: `SocketError`; `WireError` when what the worker holds does not fit a Hello.
    public static func start(
        _ configuration: Configuration, computing bank: any TileComputing, logger: Logger,
        configure: (inout WorkerMachine.Configuration) -> Void = { _ in }
    ) async throws -> WorkerEndpoint {
        let hello = Hello(incarnation: .random(), name: configuration.name, bank.holdings)
        _ = try WorkerMessage.hello(hello).encoded()
        var settings = WorkerMachine.Configuration(hello: hello, links: configuration.coordinators.count)
        configure(&settings)
        let ending = Ending()
        let (stream, jobs) = AsyncStream<WorkerMachine.Job>.makeStream()
        let ownThread = configuration.executor == nil ? ComputeExecutor(name: "compute") : nil
        do {
            let (loop, _) = try await SocketLoop<WorkerLoop.Command>.start(name: "worker-io") { [settings] _, sockets in
                (WorkerLoop(WorkerMachine(settings), sockets, configuration, jobs, ending, logger), ())
            }
            return WorkerEndpoint(
                loop, ending, ownThread, jobs,
                Self.compute(stream, with: bank, on: configuration.executor ?? ownThread, reportingTo: loop))
        } catch {
            ownThread?.stop()
            throw error
        }
    }

    private init(
        _ loop: SocketLoop<WorkerLoop.Command>, _ ending: Ending, _ ownThread: ComputeExecutor?,
        _ jobs: AsyncStream<WorkerMachine.Job>.Continuation, _ computing: Task<Void, Never>
    ) {
        self.loop = loop
        self.ending = ending
        self.ownThread = ownThread
        self.jobs = jobs
        self.computing = computing
    }

    /// Waits until the worker has left or was refused.
    ///
    /// - Throws: `WorkerError.rejected` if the configuration says that this ends it.
    public func run() async throws {
        let result = await ending.wait()
        await shutDown()
        try result.get()
    }

    /// Finishes the tile that computes, gives back the others, says goodbye. `run` returns then.
    public func leave(reason: String = "asked to stop") { loop.post(.leave(reason)) }

    /// Ends at once.
    public func stop() async {
        ending.end(.success(()))
        await shutDown()
    }

    /// What happened so far.
    public func counters() async -> WorkerCounters? {
        await withCheckedContinuation { continuation in
            if !loop.post(.counters(continuation)) { continuation.resume(returning: nil) }
        }
    }

    private func shutDown() async {
        await loop.stop()
        jobs.finish()
        computing.cancel()
        // Whoever still computes needs the thread to come to its end.
        Task { [computing, ownThread] in
            await computing.value
            ownThread?.stop()
        }
    }

    private static func compute(
        _ jobs: AsyncStream<WorkerMachine.Job>, with bank: any TileComputing, on executor: (any TaskExecutor)?,
        reportingTo loop: SocketLoop<WorkerLoop.Command>
    ) -> Task<Void, Never> {
        Task(executorPreference: executor) {
            for await job in jobs {
                let start = ContinuousClock.now
                guard job.deadline > start else {
                    loop.post(.computed(job.id, .expired))
                    continue
                }
                do {
                    let rows = try await bank.compute(job.tile)
                    let spent = start.duration(to: .now)
                    loop.post(.computed(job.id, .rows(rows, nanoseconds: UInt64(clamping: Int64(spent / .nanoseconds(1))))))
                } catch {
                    loop.post(.computed(job.id, .failed("\(error)")))
                }
            }
        }
    }
}

/// How a worker ended, for whoever waits.
final class Ending: Sendable {
    private struct State {
        var result: Result<Void, WorkerError>?
        var waiters: [CheckedContinuation<Result<Void, WorkerError>, Never>] = []
    }

    private let state = Mutex(State())

    /// The first end counts.
    func end(_ result: Result<Void, WorkerError>) {
        let (waiters, kept) = state.withLock { state in
            state.result = state.result ?? result
            defer { state.waiters = [] }
            return (state.waiters, state.result ?? result)
        }
        for waiter in waiters { waiter.resume(returning: kept) }
    }

    func wait() async -> Result<Void, WorkerError> {
        await withCheckedContinuation { continuation in
            let result = state.withLock { state in
                if state.result == nil { state.waiters.append(continuation) }
                return state.result
            }
            if let result { continuation.resume(returning: result) }
        }
    }
}

extension Hello {
    init(incarnation: Incarnation, name: String, _ holdings: WorkerHoldings) {
        self.init(
            incarnation: incarnation, name: name, width: holdings.width,
            holdings: holdings.experts.sorted { $0.key < $1.key }.map {
                Holding(layer: $0.key.layer, expert: $0.key.expert, digest: $0.value)
            },
            metas: holdings.metas.sorted { $0.key < $1.key }.map { MetaHolding(layer: $0.key, digest: $0.value) })
    }
}
