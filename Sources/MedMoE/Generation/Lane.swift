/// Requests that are computed in one batch, step by step; lives on the engine's executor.
final class Lane {
    enum Kind {
        /// Hears of missing experts soon, and goes on without the requests that need them.
        case ordinary
        /// One request that waits for experts which nobody holds at the moment.
        case stalled
    }

    let kind: Kind
    /// In the order of their admission.
    private(set) var requests: [RunningRequest] = []
    /// Whether a task runs this lane's steps.
    var isDriving = false
    /// The step under way, and whose rows are in it.
    var step: (requests: [RunningRequest], work: Task<Void, any Error>)?
    /// Steps in a row that were put off because the dispatch has too much to do.
    var pauses = 0

    init(_ kind: Kind, _ requests: [RunningRequest] = []) {
        self.kind = kind
        self.requests = requests
    }

    /// Adds a request at its place in the order of admission.
    func join(_ request: RunningRequest) {
        let place = requests.firstIndex { $0.sequence > request.sequence } ?? requests.endIndex
        requests.insert(request, at: place)
    }

    func leave(_ request: RunningRequest) { requests.removeAll { $0 === request } }

    /// Removes requests that are not in the step under way.
    func removeIdle(_ isOver: (RunningRequest) -> Bool) {
        requests.removeAll { request in !isComputing(request) && isOver(request) }
    }

    /// Whether the step under way has rows of the request.
    func isComputing(_ request: RunningRequest) -> Bool { step?.requests.contains { $0 === request } ?? false }

    /// How long to wait before the step is tried again: 50 ms, doubled each time up to a second.
    var pause: Duration { min(.milliseconds(50) * (1 << min(pauses, 5)), .seconds(1)) }
}
