import Wire

/// What several coordinators have counted, summed by name.
public struct CoordinatorCounters: Sendable, Hashable {
    public var values: [String: UInt64]

    public init(_ values: [String: UInt64] = [:]) { self.values = values }

    public init(_ statuses: [StatusReply]) {
        values = statuses.reduce(into: [:]) { $0.merge($1.counters) { $0 &+ $1 } }
    }

    /// How much each grew since `earlier`, without those that did not; one that shrank (a coordinator was restarted) counts from 0.
    public func growth(since earlier: CoordinatorCounters) -> [String: Int] {
        values.reduce(into: [:]) { growth, entry in
            let before = earlier.values[entry.key] ?? 0
            let change = entry.value >= before ? entry.value - before : entry.value
            if change > 0 { growth[entry.key] = Int(clamping: change) }
        }
    }
}
