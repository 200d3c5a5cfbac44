import CZeroMQ
import Synchronization

/// The one thread that owns every ZeroMQ socket of a process.
///
/// Others reach it by commands: a queue under a lock and an event descriptor that wakes the thread's poll.
public final class SocketLoop<Command: Sendable>: Sendable {
    private struct Inbox {
        var commands: [Command] = []
        var stopping = false
        var ended = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let inbox = Mutex(Inbox())
    private let wakeUp: WakeUp

    private init() throws(SocketError) { wakeUp = try WakeUp() }

    /// Starts the thread and lets it make its body, with its sockets.
    ///
    /// - Parameter make: runs on the new thread; what it throws is thrown here.
    public static func start<Output: Sendable>(
        name: String,
        _ make: @escaping @Sendable (SocketLoop, SocketFactory) throws -> (body: any SocketLoopBody<Command>, output: Output)
    ) async throws -> (loop: SocketLoop, output: Output) {
        let loop = try SocketLoop()
        let output: Output = try await withCheckedThrowingContinuation { continuation in
            do {
                try DedicatedThread.run(name: name) {
                    live(loop, make, continuation)
                    // Only now are the sockets closed and the context gone: addresses are free again.
                    loop.end()
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
        return (loop, output)
    }

    private static func live<Output: Sendable>(
        _ loop: SocketLoop,
        _ make: (SocketLoop, SocketFactory) throws -> (body: any SocketLoopBody<Command>, output: Output),
        _ continuation: CheckedContinuation<Output, any Error>
    ) {
        let body: any SocketLoopBody<Command>
        do {
            let made = try make(loop, SocketFactory(context: ZMQContext()))
            body = made.body
            continuation.resume(returning: made.output)
        } catch {
            return continuation.resume(throwing: error)
        }
        loop.run(body)
    }

    /// Gives the thread something to do.
    ///
    /// - Returns: false when it has ended or is about to, and nobody will do it.
    @discardableResult
    public func post(_ command: Command) -> Bool {
        let (accepted, first) = inbox.withLock { inbox in
            guard !inbox.stopping, !inbox.ended else { return (false, false) }
            inbox.commands.append(command)
            return (true, inbox.commands.count == 1)
        }
        if first { wakeUp.signal() }
        return accepted
    }

    /// Lets the thread do what was posted before, close its sockets and end.
    public func stop() async {
        await withCheckedContinuation { continuation in
            let ended = inbox.withLock { inbox in
                if inbox.ended { return true }
                inbox.stopping = true
                inbox.waiters.append(continuation)
                return false
            }
            if ended { continuation.resume() } else { wakeUp.signal() }
        }
    }

    private func take() -> (commands: [Command], stopping: Bool) {
        inbox.withLock { inbox in
            defer { inbox.commands = [] }
            return (inbox.commands, inbox.stopping)
        }
    }

    private func end() {
        let waiters = inbox.withLock { inbox in
            inbox.ended = true
            defer { inbox.waiters = [] }
            return inbox.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func run(_ body: any SocketLoopBody<Command>) {
        var readable: [ZMQSocket] = []
        while true {
            // Commands first: what was posted before a message was sent is done before that message is read.
            let (commands, stopping) = take()
            for command in commands { body.perform(command) }
            if stopping { break }
            for socket in readable { body.readable(socket) }
            let next = body.advance(now: .now)
            readable = poll(body.sockets, until: next)
        }
        body.close()
    }

    /// Waits for messages, commands, or the time.
    ///
    /// - Returns: the sockets that have something to read.
    private func poll(_ sockets: [ZMQSocket], until next: ContinuousClock.Instant?) -> [ZMQSocket] {
        var items = sockets.map { zmq_pollitem_t(socket: $0.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0) }
        items.append(zmq_pollitem_t(socket: nil, fd: wakeUp.descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
        // An interrupted or failed poll is an early return: the next round looks again.
        guard zmq_poll(&items, Int32(items.count), Self.timeout(until: next)) > 0 else { return [] }
        if items[sockets.count].revents != 0 { wakeUp.drain() }
        return zip(sockets, items).filter { $1.revents & Int16(ZMQ_POLLIN) != 0 }.map(\.0)
    }

    /// Milliseconds to poll, rounded up so that the time has come when the poll returns; -1 is for ever.
    private static func timeout(until next: ContinuousClock.Instant?) -> Int {
        guard let next else { return -1 }
        let left = ContinuousClock.now.duration(to: next)
        guard left > .zero else { return 0 }
        return Int(min(left, .seconds(3600)) / .milliseconds(1)) + 1
    }
}

/// What runs on an I/O thread. Made there, used there, dropped there.
public protocol SocketLoopBody<Command>: AnyObject {
    associatedtype Command: Sendable

    /// The sockets to watch now.
    var sockets: [ZMQSocket] { get }
    /// Something was posted.
    func perform(_ command: Command)
    /// Something arrived on one of the sockets. Takes a bounded number of messages, so that no peer keeps the thread.
    func readable(_ socket: ZMQSocket)
    /// Called in every round.
    ///
    /// - Returns: when it must be called again, if nothing happens before.
    func advance(now: ContinuousClock.Instant) -> ContinuousClock.Instant?
    /// The end: say goodbye and close the sockets.
    func close()
}

/// Makes sockets, on the I/O thread alone.
public struct SocketFactory {
    let context: ZMQContext

    /// Decides who may in; must be made before encrypted ports, and closed after them.
    ///
    /// - Returns: nil when nothing is encrypted.
    public func authenticator(_ security: LinkSecurity) throws(SocketError) -> Authenticator? {
        guard let file = security.authorized else { return nil }
        return try Authenticator(context, file)
    }

    /// A port that listens at one or several endpoints.
    ///
    /// - Throws: `SocketError`, `SecurityError`.
    public func port(
        _ configuration: ListeningPort.Configuration, _ security: LinkSecurity, _ authenticator: Authenticator?
    ) throws -> ListeningPort {
        try ListeningPort(context, configuration, security, authenticator)
    }

    /// Dials, encrypted as the security says.
    public func dialler(_ security: LinkSecurity) -> Dialler { Dialler(context, security) }
}
