import MedMoE
import Synchronization
import Wire

/// Experts on workers over the network: the other implementation of `ExpertDispatch`.
///
/// Made by a `CoordinatorEndpoint`, whose I/O thread does the work. `submit` only puts the tiles into its queue.
public final class RemoteExpertDispatch: ExpertDispatch {
    private let loop: SocketLoop<CoordinatorLoop.Command>
    private let next = Atomic<UInt64>(0)

    init(_ loop: SocketLoop<CoordinatorLoop.Command>) { self.loop = loop }

    public func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket {
        let id = TicketID(next.wrappingAdd(1, ordering: .relaxed).newValue)
        let ticket = RemoteTicket { [loop] in loop.post(.cancel(id)) }
        if !loop.post(.submit(id, tiles, deadline, whenUncovered, ticket)) { ticket.finish(.failure(.cancelled)) }
        return ticket
    }
}

/// Tiles under way to workers and back.
final class RemoteTicket: DispatchTicket {
    private struct State {
        var result: Result<[TileResult], DispatchError>?
        var waiters: [CheckedContinuation<Result<[TileResult], DispatchError>, Never>] = []
    }

    private let state = Mutex(State())
    private let withdraw: @Sendable () -> Void

    init(withdraw: @escaping @Sendable () -> Void) { self.withdraw = withdraw }

    /// A task that is cancelled while it waits cancels the ticket.
    func results() async throws -> [TileResult] {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let result = state.withLock { state in
                    if state.result == nil { state.waiters.append(continuation) }
                    return state.result
                }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            cancel()
        }
        return try result.get()
    }

    func cancel() {
        if finish(.failure(.cancelled)) { withdraw() }
    }

    /// The first end counts.
    @discardableResult
    func finish(_ result: Result<[TileResult], DispatchError>) -> Bool {
        let waiters: [CheckedContinuation<Result<[TileResult], DispatchError>, Never>]? = state.withLock { state in
            guard state.result == nil else { return nil }
            state.result = result
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters ?? [] { waiter.resume(returning: result) }
        return waiters != nil
    }
}
