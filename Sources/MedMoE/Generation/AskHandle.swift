import Synchronization

/// Says whether anybody still wants one particular answer.
///
/// Not the request's id: whoever gave up may ask again with the same id at once, and must not be taken for the one before.
final class AskHandle: Sendable {
    private let cancelled = Atomic(false)

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    func cancel() { cancelled.store(true, ordering: .releasing) }
}
