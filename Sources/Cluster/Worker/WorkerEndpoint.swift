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
        /// How links are protected; without a key only coordinators on this machine are dialled.
        public var security = LinkSecurity.plaintextOnThisMachine
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
    private let work: WorkerLoop.Work
    private let computing: Task<Void, Never>
    private let changing: Task<Void, Never>
    private let busy: Busy

    private final class Busy: Sendable {
        let value = Atomic(false)
    }

    /// Starts both threads; the coordinators are dialled, now or as soon as they are there.
    ///
    /// - Throws: `SocketError`; `SecurityError` when a coordinator beyond this machine is to be dialled without a key, or it is
    ///   not clear which key it has; `WireError` when what the worker holds does not fit a Hello.
    public static func start(
        _ configuration: Configuration, computing bank: any TileComputing, logger: Logger,
        configure: (inout WorkerMachine.Configuration) -> Void = { _ in }
    ) async throws -> WorkerEndpoint {
        for coordinator in configuration.coordinators { _ = try configuration.security.protection(dialling: coordinator) }
        var hello = Hello(incarnation: .random(), name: configuration.name, bank.holdings)
        hello.rowsAreIndependent = try await bank.rowsAreIndependent()
        _ = try WorkerMessage.hello(hello).encoded()
        var settings = WorkerMachine.Configuration(hello: hello, links: configuration.coordinators.count)
        configure(&settings)
        let ending = Ending()
        let busy = Busy()
        let (jobs, giveJob) = AsyncStream<WorkerMachine.Job>.makeStream()
        let (changes, giveChange) = AsyncStream<WorkerLoop.Change>.makeStream()
        let work = WorkerLoop.Work(jobs: giveJob, changes: giveChange)
        let ownThread = configuration.executor == nil ? ComputeExecutor(name: "compute") : nil
        do {
            let (loop, _) = try await SocketLoop<WorkerLoop.Command>.start(name: "worker-io") { [settings] _, sockets in
                (WorkerLoop(WorkerMachine(settings), sockets, configuration, work, ending, logger), ())
            }
            return WorkerEndpoint(
                loop, ending, ownThread, work,
                computing: Self.compute(jobs, with: bank, on: configuration.executor ?? ownThread, busy, reportingTo: loop),
                changing: Self.change(changes, of: bank, reportingTo: loop), busy)
        } catch {
            ownThread?.stop()
            throw error
        }
    }

    private init(
        _ loop: SocketLoop<WorkerLoop.Command>, _ ending: Ending, _ ownThread: ComputeExecutor?,
        _ work: WorkerLoop.Work, computing: Task<Void, Never>, changing: Task<Void, Never>, _ busy: Busy
    ) {
        self.loop = loop
        self.ending = ending
        self.ownThread = ownThread
        self.work = work
        self.computing = computing
        self.changing = changing
        self.busy = busy
    }

    /// Waits until the worker has left or was refused.
    ///
    /// - Throws: `WorkerError.rejected` if the configuration says that this ends it.
    public func run() async throws {
        let result = await ending.wait()
        await shutDown()
        try result.get()
    }

    /// Takes nothing new, finishes the tiles that are there, says goodbye. `run` returns then, or when the drain timeout of
    /// the machine's configuration is over.
    public func leave(reason: String = "asked to stop") { loop.post(.leave(reason)) }

    /// Ends at once.
    public func stop() async {
        ending.end(.success(()))
        await shutDown()
    }

    /// Whether a tile computes at the moment.
    public var isComputing: Bool { busy.value.load(ordering: .acquiring) }

    /// What happened so far.
    public func counters() async -> WorkerCounters? {
        await withCheckedContinuation { continuation in
            if !loop.post(.counters(continuation)) { continuation.resume(returning: nil) }
        }
    }

    private func shutDown() async {
        await loop.stop()
        work.finish()
        computing.cancel()
        changing.cancel()
        // Whoever still computes needs the thread to come to its end.
        Task { [computing, ownThread] in
            await computing.value
            ownThread?.stop()
        }
    }

    private static func compute(
        _ jobs: AsyncStream<WorkerMachine.Job>, with bank: any TileComputing, on executor: (any TaskExecutor)?,
        _ busy: Busy, reportingTo loop: SocketLoop<WorkerLoop.Command>
    ) -> Task<Void, Never> {
        Task(executorPreference: executor) {
            for await job in jobs {
                let start = ContinuousClock.now
                guard job.deadline > start else {
                    loop.post(.computed(job.id, .expired))
                    continue
                }
                busy.value.store(true, ordering: .releasing)
                defer { busy.value.store(false, ordering: .releasing) }
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

extension WorkerEndpoint {
    /// Carries out changes of what is held, beside the computing.
    private static func change(
        _ changes: AsyncStream<WorkerLoop.Change>, of bank: any TileComputing, reportingTo loop: SocketLoop<WorkerLoop.Command>
    ) -> Task<Void, Never> {
        Task {
            for await change in changes {
                switch change {
                case .load(let add, let drop):
                    do {
                        loop.post(.loaded(.success(try await bank.load(add, dropping: drop))))
                    } catch {
                        loop.post(.loaded(.failure(error as? AssignmentError ?? AssignmentError("\(error)"))))
                    }
                case .unload(let experts):
                    await bank.unload(experts)
                    loop.post(.unloaded)
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

    /// The same worker with other holdings.
    func holding(_ holdings: WorkerHoldings) -> Hello {
        var hello = Hello(incarnation: incarnation, name: name, holdings)
        hello.rowsAreIndependent = rowsAreIndependent
        return hello
    }
}
