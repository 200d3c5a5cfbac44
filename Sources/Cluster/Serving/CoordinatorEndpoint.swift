import Logging
import MedMoE
import Wire

/// A coordinator's network side: workers on one port, clients on another, one I/O thread for both.
public final class CoordinatorEndpoint: Sendable {
    public struct Configuration: Sendable {
        /// Where workers connect.
        public var listen: [Endpoint]
        /// Where clients connect; none for a coordinator that only serves its own process.
        public var serve: [Endpoint]
        public var dispatch: DispatchMachine.Configuration
        public var clients = ClientSessions.Configuration()
        /// How links are protected; without a key only this machine is let in.
        public var security = LinkSecurity.plaintextOnThisMachine
        /// TCP connections at the same time, at each port.
        public var mostConnections = LinkLimits.connections
        /// What each expert is for, by index, for people who ask for the status.
        public var domains: [String] = []
        /// Hexadecimal SHA-256 that names the model.
        public var modelDigest = ""

        /// - Parameters:
        ///   - width: hidden size D of the model.
        ///   - required: the experts that the model has.
        ///   - digests: those that workers must show; nil accepts any on which workers agree.
        ///   - metaDigests: the same for meta experts, by layer.
        public init(
            listen: [Endpoint], serve: [Endpoint] = [], width: Int, required: Set<ExpertAddress>,
            digests: [ExpertAddress: ExpertDigest]? = nil, metaDigests: [Int: ExpertDigest]? = nil
        ) {
            self.listen = listen
            self.serve = serve
            dispatch = DispatchMachine.Configuration(
                coordinator: .random(), width: width, required: required, expectedDigests: digests,
                expectedMetaDigests: metaDigests, firstEpoch: .random(in: 1 ... .max / 2), firstTile: .random(in: 1 ... .max / 2))
        }
    }

    /// Where it listens, with the ports that the system chose.
    public let listening: [Endpoint]
    public let serving: [Endpoint]
    /// Reaches the experts on the workers.
    public let dispatch: RemoteExpertDispatch
    private let loop: SocketLoop<CoordinatorLoop.Command>

    /// Opens the ports and takes workers from now on; clients are told to come back until `serve(with:)`.
    ///
    /// - Throws: `SocketError`, for instance `.addressInUse`; `SecurityError` for a port beyond this machine without a key.
    public static func start(_ configuration: Configuration, logger: Logger) async throws -> CoordinatorEndpoint {
        let (loop, bound) = try await SocketLoop<CoordinatorLoop.Command>.start(name: "coordinator-io") { loop, sockets in
            let body = try CoordinatorLoop(configuration, loop, sockets, logger)
            return (body, (listening: body.listening, serving: body.serving))
        }
        return CoordinatorEndpoint(loop, listening: bound.listening, serving: bound.serving)
    }

    private init(_ loop: SocketLoop<CoordinatorLoop.Command>, listening: [Endpoint], serving: [Endpoint]) {
        self.loop = loop
        self.listening = listening
        self.serving = serving
        dispatch = RemoteExpertDispatch(loop)
    }

    /// From now on `engine` answers the clients' requests.
    public func serve(with engine: any AnswerEngine) { loop.post(.serve(engine)) }

    /// Waits until workers hold every expert of the model.
    ///
    /// - Throws: `DispatchError.expertsLost` with those that nobody holds at the deadline; `.cancelled` when stopped before.
    public func waitUntilCovered(deadline: ContinuousClock.Instant) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            if !loop.post(.waitUntilCovered(deadline, continuation)) { continuation.resume(throwing: DispatchError.cancelled) }
        }
    }

    /// Workers, experts, what is outstanding; nil after `stop`.
    public func status() async -> ClusterStatus? {
        await withCheckedContinuation { continuation in
            if !loop.post(.status(continuation)) { continuation.resume(returning: nil) }
        }
    }

    /// Takes no new requests and finishes those that are there; workers stay. Returns when nothing runs or waits any more: after
    /// `timeout`, whatever is left ends as `unavailable`.
    public func drain(timeout: Duration, reason: String = "the coordinator is shutting down") async {
        await withCheckedContinuation { continuation in
            if !loop.post(.drain(reason, .now + timeout, continuation)) { continuation.resume() }
        }
    }

    /// Ends what runs (clients are told), says goodbye to the workers, closes the ports and removes socket files.
    public func stop(reason: String = "the coordinator is shutting down") async {
        loop.post(.shutDown(reason))
        await loop.stop()
    }
}
