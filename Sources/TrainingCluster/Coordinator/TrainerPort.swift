import Logging
import Training
import Wire

/// Why trainers cannot be used.
public enum TrainerPortError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Time is up, and so many trainers are there. `at` is where they are expected.
    case tooFew(present: Int, wanted: Int, at: [String])

    public var description: String {
        switch self {
        case .tooFew(let present, let wanted, let endpoints):
            "\(present) of \(wanted) trainers are at \(endpoints.joined(separator: " ")): start more with `medmoe trainer --connect \(endpoints.first.map(Self.dialled) ?? "ADDRESS")` and the keys that this port wants"
        }
    }

    /// The address that a trainer dials: one that means all of this machine's names none of them.
    private static func dialled(_ endpoint: String) -> String {
        for wildcard in ["tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"] where endpoint.hasPrefix(wildcard) {
            return "tcp://HOST:" + endpoint.dropFirst(wildcard.count)
        }
        return endpoint
    }
}

/// Where the trainers of a learning coordinator arrive, and through which it calls them: one I/O thread.
///
/// There is one session at a time. Calls to one trainer are carried out in their order, each exactly once; when a trainer of
/// the session is lost, all calls of the session fail with `TrainerLost` until another session begins.
public final class TrainerPort: Sendable {
    public struct Configuration: Sendable {
        public var listen: [Endpoint]
        /// How links are protected; without a key only this machine is let in.
        public var security: LinkSecurity
        /// TCP connections at the same time.
        public var mostConnections: Int
        /// How often both sides say that they are alive.
        public var beat: Duration
        /// A trainer that says nothing for so many beats is lost; while it owes answers, it may be silent for as long as the
        /// largest of them needs at 4 MiB a second besides.
        public var liveness = 3

        public init(
            listen: [Endpoint], security: LinkSecurity = .plaintextOnThisMachine, mostConnections: Int = LinkLimits.connections,
            beat: Duration = .seconds(1)
        ) {
            self.listen = listen
            self.security = security
            self.mostConnections = mostConnections
            self.beat = beat
        }
    }

    /// One run of a trainer's process.
    public struct Trainer: Sendable, Hashable, CustomStringConvertible {
        public let incarnation: Incarnation
        /// Shown to people, need not be unique.
        public let name: String

        public init(incarnation: Incarnation, name: String) {
            self.incarnation = incarnation
            self.name = name
        }

        public var description: String { "'\(name)' (\(incarnation))" }
    }

    /// Where it listens, with the ports that the system chose.
    public let listening: [Endpoint]
    private let loop: SocketLoop<TrainerPortLoop.Command>
    private let lastTraffic: LastTraffic

    /// Opens the port and takes trainers from now on.
    ///
    /// - Throws: `SocketError`, for instance `.addressInUse`; `SecurityError` for a port beyond this machine without a key.
    public static func start(_ configuration: Configuration, logger: Logger) async throws -> TrainerPort {
        let lastTraffic = LastTraffic()
        let (loop, listening) = try await SocketLoop<TrainerPortLoop.Command>.start(name: "trainers-io") { _, sockets in
            let body = try TrainerPortLoop(configuration, sockets, lastTraffic, logger)
            return (body, body.listening)
        }
        return TrainerPort(loop, listening, lastTraffic)
    }

    private init(_ loop: SocketLoop<TrainerPortLoop.Command>, _ listening: [Endpoint], _ lastTraffic: LastTraffic) {
        self.loop = loop
        self.listening = listening
        self.lastTraffic = lastTraffic
    }

    /// Waits until so many trainers are there.
    ///
    /// - Returns: all that are alive now, in the order of their arrival.
    /// - Throws: `TrainerPortError.tooFew` at the deadline; `CancellationError` when the port is stopped or the task cancelled.
    public func trainers(atLeast count: Int, until deadline: ContinuousClock.Instant) async throws -> [Trainer] {
        let pending = Pending<[Trainer]>()
        guard loop.post(.trainers(count, until: deadline, pending)) else { throw CancellationError() }
        return try await pending.value()
    }

    /// Begins a new session with these trainers; the one before is over, and its calls that are still without an answer
    /// fail. The first call to each must be `open`.
    ///
    /// - Throws: `TrainerLost` when one of them is gone already; `CancellationError` when the port is stopped.
    public func begin(with trainers: [Trainer]) async throws {
        let pending = Pending<Void>()
        guard loop.post(.begin(trainers, pending)) else { throw CancellationError() }
        try await pending.value()
    }

    /// Sends a call, without waiting; calls to one trainer are carried out in the order in which they are made here. Its
    /// numbers must not change until there is an answer: they are sent from where they lie.
    ///
    /// - Returns: what the answer comes to. It fails with `TrainerFailure` when the call cannot be sent, or when the trainer
    ///   is in no session.
    public func call(_ call: TrainerCall, of trainer: Trainer) -> PendingAnswer {
        let answer = PendingAnswer()
        do {
            // What cannot be sent must not take a number: the trainer would wait for it.
            try call.check()
        } catch {
            answer.finish(.failure(.failed(error)))
            return answer
        }
        if !loop.post(.call(call, trainer, answer)) { answer.finish(.failure(.cancelled)) }
        return answer
    }

    /// What crossed the network so far; after `stop`, until then.
    public func traffic() async -> TrainerTraffic {
        await withCheckedContinuation { continuation in
            if !loop.post(.traffic(continuation)) { continuation.resume(returning: lastTraffic.value) }
        }
    }

    /// Says goodbye to all trainers, ends all waiting with `CancellationError`, closes the port and removes socket files.
    public func stop() async { await loop.stop() }
}
