import Synchronization

/// A meter that many tasks feed.
final class LoadRecorder<Meter: Sendable>: Sendable {
    private let start = ContinuousClock.now
    private let meter: Mutex<Meter>

    init(_ meter: Meter) { self.meter = Mutex(meter) }

    /// Seconds since the begin.
    var now: Double { seconds(.now) }

    func seconds(_ instant: ContinuousClock.Instant) -> Double {
        let components = start.duration(to: instant).components
        return Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// Waits until so many seconds after the begin.
    ///
    /// - Throws: `CancellationError`.
    func sleep(until time: Double) async throws {
        let instant = start + .seconds(time)
        if instant > .now { try await Task.sleep(until: instant, tolerance: .zero) } else { try Task.checkCancellation() }
    }

    func with<R: Sendable>(_ body: (inout sending Meter) -> sending R) -> R { meter.withLock(body) }
}
