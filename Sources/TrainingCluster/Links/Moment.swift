import Logging
import Wire

/// A moment, as the machines of the trainer protocol are told it.
typealias Moment = ContinuousClock.Instant

extension Logger {
    func log(_ note: Note) {
        switch note {
        case .info(let text): info("\(text)")
        case .warning(let text): warning("\(text)")
        }
    }
}

/// Tells when this process itself slept (it was stopped, or the machine was), so that its silence does not count as that
/// of others.
struct OwnSleep {
    private var last: Moment?

    /// Called at every event, of which there is at least one a beat.
    ///
    /// - Returns: time that must be forgiven; zero as a rule.
    mutating func length(now: Moment, beat: Duration) -> Duration {
        defer { last = max(now, last ?? now) }
        guard let last else { return .zero }
        let slept = last.duration(to: now) - beat
        return slept > beat / 2 ? slept : .zero
    }
}
