/// What goes on beside the requests of a load: progress, and the ends of the measured time.
struct LoadStages: Sendable {
    private let plan: LoadPlan

    init(_ plan: LoadPlan) { self.plan = plan }

    /// Runs `requests` to its end.
    ///
    /// - Returns: when that was, in seconds since the begin, and whether it was because the task is cancelled.
    func run<Meter>(
        _ recorder: LoadRecorder<Meter>, interval: Double, atBoundary: @escaping @Sendable (LoadBoundary) async -> Void,
        progress: @escaping @Sendable () -> Void, requests: () async -> Void
    ) async -> (time: Double, early: Bool) {
        let ticking = Task {
            var next = interval
            while (try? await recorder.sleep(until: next)) != nil {
                progress()
                next = max(next + interval, recorder.now)
            }
        }
        let extent = plan.extent
        let boundaries = Task { () -> Set<LoadBoundary> in
            guard (try? await recorder.sleep(until: extent.warmUp)) != nil else { return [] }
            await atBoundary(.begin)
            guard extent.end.isFinite, (try? await recorder.sleep(until: extent.end)) != nil else { return [.begin] }
            await atBoundary(.end)
            return [.begin, .end]
        }
        await requests()
        let time = recorder.now
        let early = Task.isCancelled
        ticking.cancel()
        boundaries.cancel()
        let passed = await boundaries.value
        // The measured time has no end of its own, or ended before it.
        if passed == [.begin] { await atBoundary(.end) }
        await ticking.value
        return (time, early)
    }
}
