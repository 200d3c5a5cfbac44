import Synchronization

/// Makes requests at the times of a plan; what a request is, others say.
struct LoadSchedule: Sendable {
    private let plan: LoadPlan

    init(_ plan: LoadPlan) { self.plan = plan }

    /// Runs until the plan ends or the task is cancelled, and until all requests have ended.
    ///
    /// - Parameters:
    ///   - request: makes one: its number, and when it is due (nil: now). Returns a pause for the asker to make, if any.
    ///   - leavingOut: called for requests that are not made because too many are under way.
    func run<Meter>(
        recorder: LoadRecorder<Meter>, mostUnderWay: Int, request: @escaping @Sendable (Int, Double?) async -> Duration?,
        leavingOut: @escaping @Sendable (Double) -> Void
    ) async {
        switch plan.pattern {
        case .open(let rate): await open(rate, recorder, mostUnderWay, request, leavingOut)
        case .closed(let concurrency): await closed(concurrency, recorder, request)
        }
    }

    private func open<Meter>(
        _ rate: Double, _ recorder: LoadRecorder<Meter>, _ mostUnderWay: Int,
        _ request: @escaping @Sendable (Int, Double?) async -> Duration?, _ leavingOut: @Sendable (Double) -> Void
    ) async {
        let underWay = Counter()
        await withDiscardingTaskGroup { group in
            var counted = 0
            for (number, due) in PoissonArrivals(rate: rate, seed: plan.seed).enumerated() {
                let counts = due >= plan.extent.warmUp
                if counts, let most = plan.extent.requests, counted == most { return }
                guard due < plan.extent.end, (try? await recorder.sleep(until: due)) != nil else { return }
                if counts { counted += 1 }
                guard underWay.value < mostUnderWay else {
                    leavingOut(due)
                    continue
                }
                underWay.add(1)
                group.addTask {
                    _ = await request(number, due)
                    underWay.add(-1)
                }
            }
        }
    }

    private func closed<Meter>(
        _ concurrency: Int, _ recorder: LoadRecorder<Meter>, _ request: @escaping @Sendable (Int, Double?) async -> Duration?
    ) async {
        let numbers = Counter()
        let counted = Counter()
        await withDiscardingTaskGroup { group in
            for _ in 0..<concurrency {
                group.addTask {
                    while !Task.isCancelled {
                        let now = recorder.now
                        guard now < plan.extent.end else { return }
                        if now >= plan.extent.warmUp, let most = plan.extent.requests, counted.add(1) > most { return }
                        // A cluster that refuses at once should not be asked a thousand times a second.
                        if let pause = await request(numbers.add(1) - 1, nil), (try? await Task.sleep(for: pause)) == nil { return }
                    }
                }
            }
        }
    }
}

/// A number that many tasks change.
final class Counter: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .relaxed) }

    /// The new value.
    @discardableResult
    func add(_ change: Int) -> Int { number.wrappingAdd(change, ordering: .relaxed).newValue }
}
