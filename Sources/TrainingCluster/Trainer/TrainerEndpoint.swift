import Logging
import Synchronization
import Tensors
import Wire

/// Why a trainer ended.
public enum TrainerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The coordinator refused this trainer.
    case rejected(endpoint: String, Rejection)

    public var description: String {
        switch self {
        case .rejected(let endpoint, let rejection): "the coordinator at \(endpoint) refused this trainer: \(rejection.reason)"
        }
    }
}

/// A trainer: one I/O thread, one compute thread, and somebody who lets experts learn.
///
/// The I/O thread says that the trainer is alive while the other computes.
public final class TrainerEndpoint: Sendable {
    public struct Configuration: Sendable {
        /// Shown to people; need not be unique.
        public var name: String
        public var coordinator: Endpoint
        /// How the link is protected; without a key only a coordinator on this machine is dialled.
        public var security: LinkSecurity
        /// How often the trainer says that it is alive. A coordinator that says nothing for three beats is dialled again.
        public var beat: Duration
        /// For tests of bad networks.
        package var interception: TrainerInterception?

        public init(
            name: String, coordinator: Endpoint, security: LinkSecurity = .plaintextOnThisMachine, beat: Duration = .seconds(1)
        ) {
            self.name = name
            self.coordinator = coordinator
            self.security = security
            self.beat = beat
        }
    }

    private let loop: SocketLoop<TrainerLoop.Command>
    private let ending: Pending<Void>
    private let thread: ComputeExecutor
    private let jobs: AsyncStream<TrainerLoop.Job>.Continuation
    private let computing: Task<Void, Never>
    private let busy: Busy

    private final class Busy: Sendable {
        let value = Atomic(false)
    }

    /// Starts both threads; the coordinator is dialled, now or as soon as it is there.
    ///
    /// - Parameter computing: makes who carries calls out, on the compute thread.
    /// - Throws: what `computing` throws; `SocketError`; `SecurityError` when a coordinator beyond this machine is to be
    ///   dialled without a key, or it is not clear which key it has; `WireError` when the name does not fit a Hello.
    public static func start(
        _ configuration: Configuration, logger: Logger, computing make: @escaping @Sendable () throws -> any TrainerComputing
    ) async throws -> TrainerEndpoint {
        _ = try configuration.security.protection(dialling: configuration.coordinator)
        let hello = TrainerHello(incarnation: .random(), name: configuration.name)
        _ = try TrainerMessage.hello(hello).encoded()
        var settings = TrainerMachine.Configuration(hello: hello)
        settings.beat = configuration.beat
        let ending = Pending<Void>()
        let ready = Pending<Void>()
        let connected = Pending<SocketLoop<TrainerLoop.Command>>()
        let (jobs, giveJob) = AsyncStream<TrainerLoop.Job>.makeStream()
        let thread = ComputeExecutor(name: "learn")
        let busy = Busy()
        let computing = Self.compute(jobs, on: thread, make, busy, ready, reportingTo: connected)
        do {
            // Nobody is told of a trainer that cannot compute.
            try await ready.value()
            let (loop, _) = try await SocketLoop<TrainerLoop.Command>.start(name: "trainer-io") { [settings] _, sockets in
                (TrainerLoop(TrainerMachine(settings), sockets, configuration, giveJob, ending, logger), ())
            }
            connected.finish(.success(loop))
            return TrainerEndpoint(loop, ending, thread, giveJob, computing, busy)
        } catch {
            connected.finish(.failure(error))
            giveJob.finish()
            thread.stop(after: computing)
            throw error
        }
    }

    private init(
        _ loop: SocketLoop<TrainerLoop.Command>, _ ending: Pending<Void>, _ thread: ComputeExecutor,
        _ jobs: AsyncStream<TrainerLoop.Job>.Continuation, _ computing: Task<Void, Never>, _ busy: Busy
    ) {
        self.loop = loop
        self.ending = ending
        self.thread = thread
        self.jobs = jobs
        self.computing = computing
        self.busy = busy
    }

    /// Waits until the trainer has left, was stopped or was refused.
    ///
    /// - Throws: `TrainerError.rejected`; `CancellationError` when the task is cancelled, which does not stop the trainer.
    public func run() async throws {
        do {
            try await ending.value()
        } catch let error as CancellationError {
            throw error
        } catch {
            await shutDown()
            throw error
        }
        await shutDown()
    }

    /// Says goodbye, whatever is unfinished: the coordinator goes back to its last checkpoint with the trainers that are left.
    /// `run` returns then.
    public func leave(reason: String = "asked to stop") { loop.post(.leave(reason)) }

    /// Ends at once, without a goodbye.
    public func stop() async {
        ending.finish(.success(()))
        await shutDown()
    }

    /// Whether a call is carried out at the moment; `run` does not wait for its end.
    public var isComputing: Bool { busy.value.load(ordering: .acquiring) }

    /// What happened so far; nil after the end.
    public func counters() async -> TrainerCounters? {
        await withCheckedContinuation { continuation in
            if !loop.post(.counters(continuation)) { continuation.resume(returning: nil) }
        }
    }

    private func shutDown() async {
        await loop.stop()
        jobs.finish()
        thread.stop(after: computing)
    }

    private static func compute(
        _ jobs: AsyncStream<TrainerLoop.Job>, on thread: ComputeExecutor,
        _ make: @escaping @Sendable () throws -> any TrainerComputing, _ busy: Busy, _ ready: Pending<Void>,
        reportingTo connected: Pending<SocketLoop<TrainerLoop.Command>>
    ) -> Task<Void, Never> {
        Task(executorPreference: thread) {
            let bank: any TrainerComputing
            do {
                bank = try make()
                ready.finish(.success(()))
            } catch {
                return ready.finish(.failure(error))
            }
            guard let loop = try? await connected.value() else { return }
            for await job in jobs {
                busy.value.store(true, ordering: .releasing)
                defer { busy.value.store(false, ordering: .releasing) }
                switch job {
                case .carryOut(let session, let number, let call):
                    loop.post(.computed(session: session, number: number, carryOut(call, by: bank)))
                case .forget: bank.forget()
                }
            }
        }
    }

    private static func carryOut(_ call: TrainerCall, by bank: any TrainerComputing) -> Result<TrainerResult, TrainerFailure> {
        let start = ContinuousClock.now
        do {
            var result = try bank.carryOut(call)
            if result.computeNanoseconds == 0 {
                result.computeNanoseconds = UInt64(clamping: Int64(start.duration(to: .now) / .nanoseconds(1)))
            }
            return .success(result)
        } catch {
            return .failure(error)
        }
    }
}

extension ComputeExecutor {
    /// Ends the thread when the task that computes on it has come to its end.
    fileprivate func stop(after task: Task<Void, Never>) {
        task.cancel()
        Task {
            await task.value
            stop()
        }
    }
}
