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
    /// - Parameter security: how the link is protected; without a key only a coordinator on this machine is asked.
    /// - Throws: `SocketError` when the endpoint is impossible; `SecurityError` when it is beyond this machine and there is no
    ///   key, or it is not clear which key it has. A coordinator that does not answer, or does not want our key, is found out by
    ///   asking.
    public static func connect(
        to endpoint: Endpoint, security: LinkSecurity = .plaintextOnThisMachine, configure: (inout ClientMachine.Configuration) -> Void = { _ in }
    ) async throws -> CoordinatorClient {
        var configuration = ClientMachine.Configuration(endpoint: endpoint.description)
        configure(&configuration)
        let (loop, _) = try await SocketLoop<ClientLoop.Command>.start(name: "client-io") { [configuration] _, sockets in
            (try ClientLoop(ClientMachine(configuration), sockets.dialler(security), endpoint), ())
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
    private let dialler: Dialler
    private let endpoint: Endpoint
    private let identity = PeerIdentity.client(.random())
    private var link: DialledLink
    private var answers: [UInt64: AsyncThrowingStream<AnswerEvent, any Error>.Continuation] = [:]
    private var inquiries: [UInt64: CheckedContinuation<StatusReply, any Error>] = [:]
    private var assignments: [UInt64: CheckedContinuation<AssignReply, any Error>] = [:]

    init(_ machine: ClientMachine, _ dialler: Dialler, _ endpoint: Endpoint) throws {
        self.machine = machine
        self.dialler = dialler
        self.endpoint = endpoint
        link = try dialler.dial(endpoint, as: identity, maximumFrame: WireLimits.payload)
    }

    var sockets: [ZMQSocket] { link.sockets }

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
        if link.tellsNews(socket) { return hear() }
        for _ in 0..<256 {
            switch socket.receive(mostFrames: 5, mostBytes: 4 * WireLimits.payload) {
            case .nothing: return
            case .refused(let error, _): handle(.malformed(error))
            case .message(let message, _, _):
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
        link.close(linger: .milliseconds(200))
    }

    private func handle(_ event: ClientMachine.Event) { carryOut(machine.handle(event, now: .now)) }

    private func carryOut(_ directives: [ClientMachine.Directive]) {
        var reopening: AnswerError?
        defer { if let reopening { handle(.refused(reopening)) } }
        for directive in directives {
            switch directive {
            case .reopen:
                link.close()
                do {
                    link = try dialler.dial(endpoint, as: identity, maximumFrame: WireLimits.payload)
                } catch {
                    // The endpoint was good once; but the file of authorised keys may say something else now.
                    reopening = AnswerError(.unauthorized, "\(error)")
                }
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

    /// Who cannot be talked to is not waited for.
    private func hear() {
        while let news = link.news() {
            switch news {
            case .established, .failed(.silent), .failed(.hungUp(_, server: nil)): continue
            // Once is an accident: the coordinator may just have been stopped.
            case .failed(.hungUp(times: 1, _)): continue
            case .failed(let failure):
                handle(.refused(AnswerError(.unauthorized, failure.explanation(at: endpoint, own: dialler.own))))
            }
        }
    }

    /// A message that finds no room is lost; the machine's clock finds that out.
    private func send(_ message: Multipart) { _ = link.socket.send(message) }
}
