import MedMoE
import Synchronization
import Wire

/// Asks a coordinator, over tcp or ipc, as if it were an engine in this process.
public final class CoordinatorClient: AnswerEngine {
    private let loop: SocketLoop<ClientLoop.Command>
    private let next = Atomic<UInt64>(0)
    public let endpoint: Endpoint

    private init(_ loop: SocketLoop<ClientLoop.Command>, _ endpoint: Endpoint) {
        self.loop = loop
        self.endpoint = endpoint
    }

    /// Starts the I/O thread and connects, now or as soon as the coordinator is there.
    ///
    /// - Throws: `SocketError` when the endpoint is impossible. A coordinator that does not answer is found out by asking.
    public static func connect(
        to endpoint: Endpoint, configure: (inout ClientMachine.Configuration) -> Void = { _ in }
    ) async throws -> CoordinatorClient {
        var configuration = ClientMachine.Configuration(endpoint: endpoint.description)
        configure(&configuration)
        let (loop, _) = try await SocketLoop<ClientLoop.Command>.start(name: "client-io") { [configuration] _, sockets in
            (try ClientLoop(ClientMachine(configuration), sockets, endpoint), ())
        }
        return CoordinatorClient(loop, endpoint)
    }

    /// Starts a request. Ending the iteration early cancels it.
    ///
    /// The stream throws `AnswerError`: what the coordinator refused, `.invalidRequest` for a request beyond the limits of a
    /// message (nothing is sent then), `.unavailable` within about three seconds when nobody answers.
    public func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error> {
        let question = next.wrappingAdd(1, ordering: .relaxed).newValue
        return AsyncThrowingStream { continuation in
            continuation.onTermination = { [loop] termination in
                if case .cancelled = termination { loop.post(.cancel(question)) }
            }
            if !loop.post(.ask(question, request, continuation)) {
                continuation.finish(throwing: AnswerError(.unavailable, "the client was closed"))
            }
        }
    }

    /// How the coordinator and its workers are.
    ///
    /// - Throws: `AnswerError` when no answer comes in time.
    public func status(timeout: Duration = .seconds(3)) async throws -> StatusReply {
        let inquiry = next.wrappingAdd(1, ordering: .relaxed).newValue
        return try await withCheckedThrowingContinuation { continuation in
            if !loop.post(.inquire(inquiry, timeout, continuation)) {
                continuation.resume(throwing: AnswerError(.unavailable, "the client was closed"))
            }
        }
    }

    /// Lets a worker load and unload experts while it serves.
    ///
    /// - Parameters:
    ///   - worker: its name, or the beginning of its run as the status shows it.
    ///   - add: indices of experts, in every mixture layer that has them.
    ///   - drop: the same.
    /// - Returns: what the worker holds now, or why nothing changed.
    /// - Throws: `AnswerError` when no answer comes in time; `.invalidRequest` for a name beyond the limits of a message.
    public func assign(
        worker: String, add: [Int], drop: [Int], timeout: Duration = .seconds(120)
    ) async throws -> AssignReply {
        let assign = AssignExperts(
            inquiry: next.wrappingAdd(1, ordering: .relaxed).newValue, worker: worker, add: add, drop: drop)
        do {
            _ = try ClientMessage.assign(assign).encoded()
        } catch {
            throw AnswerError(unsendable: error)
        }
        return try await withCheckedThrowingContinuation { continuation in
            if !loop.post(.assign(assign, timeout, continuation)) {
                continuation.resume(throwing: AnswerError(.unavailable, "the client was closed"))
            }
        }
    }

    /// Cancels what runs and ends the I/O thread.
    public func close() async { await loop.stop() }
}

/// Runs a `ClientMachine` on the I/O thread.
final class ClientLoop: SocketLoopBody {
    enum Command: Sendable {
        case ask(UInt64, AnswerRequest, AsyncThrowingStream<AnswerEvent, any Error>.Continuation)
        case cancel(UInt64)
        case inquire(UInt64, Duration, CheckedContinuation<StatusReply, any Error>)
        case assign(AssignExperts, Duration, CheckedContinuation<AssignReply, any Error>)
    }

    private var machine: ClientMachine
    private let factory: SocketFactory
    private let endpoint: Endpoint
    private let identity = PeerIdentity.client(.random())
    private var socket: ZMQSocket
    private var answers: [UInt64: AsyncThrowingStream<AnswerEvent, any Error>.Continuation] = [:]
    private var inquiries: [UInt64: CheckedContinuation<StatusReply, any Error>] = [:]
    private var assignments: [UInt64: CheckedContinuation<AssignReply, any Error>] = [:]

    init(_ machine: ClientMachine, _ factory: SocketFactory, _ endpoint: Endpoint) throws {
        self.machine = machine
        self.factory = factory
        self.endpoint = endpoint
        socket = try factory.dealer(identity, to: endpoint, maximumFrame: WireLimits.payload)
    }

    var sockets: [ZMQSocket] { [socket] }

    func perform(_ command: Command) {
        switch command {
        case .ask(let question, let request, let continuation):
            answers[question] = continuation
            handle(.ask(question, Ask(request)))
        case .cancel(let question):
            answers[question] = nil
            handle(.cancel(question))
        case .inquire(let inquiry, let timeout, let continuation):
            inquiries[inquiry] = continuation
            handle(.inquire(inquiry, timeout: timeout))
        case .assign(let assign, let timeout, let continuation):
            assignments[assign.inquiry] = continuation
            handle(.assign(assign, timeout: timeout))
        }
    }

    func readable(_ socket: ZMQSocket) {
        for _ in 0..<256 {
            switch socket.receive(mostFrames: 5, mostBytes: 4 * WireLimits.payload) {
            case .nothing: return
            case .refused(let error, _): handle(.malformed(error))
            case .message(let message, _):
                do {
                    handle(.message(try CoordinatorReply(decoding: message)))
                } catch {
                    handle(.malformed(error))
                }
            }
        }
    }

    func advance(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if let wake = machine.nextWake, wake <= now { carryOut(machine.handle(.tick, now: now)) }
        return machine.nextWake
    }

    func close() {
        handle(.close)
        // Cancellations of the last moment should still arrive.
        socket.close(linger: .milliseconds(200))
    }

    private func handle(_ event: ClientMachine.Event) { carryOut(machine.handle(event, now: .now)) }

    private func carryOut(_ directives: [ClientMachine.Directive]) {
        for directive in directives {
            switch directive {
            case .reopen:
                socket.close()
                // The endpoint was good once; should it fail now, the next question finds nobody and says so.
                if let fresh = try? factory.dealer(identity, to: endpoint, maximumFrame: WireLimits.payload) { socket = fresh }
            case .ask(let question, let ask):
                do {
                    send(try ClientMessage.ask(ask).encoded())
                } catch {
                    handle(.unsendable(question, error))
                }
            case .send(let message): if let message = try? message.encoded() { send(message) }
            case .yield(let question, let event): answers[question]?.yield(event)
            case .finish(let question, let error):
                answers.removeValue(forKey: question)?.finish(throwing: error)
            case .status(let inquiry, let result): inquiries.removeValue(forKey: inquiry)?.resume(with: result)
            case .assigned(let inquiry, let result): assignments.removeValue(forKey: inquiry)?.resume(with: result)
            }
        }
    }

    /// A message that finds no room is lost; the machine's clock finds that out.
    private func send(_ message: Multipart) { _ = socket.send(message) }
}
