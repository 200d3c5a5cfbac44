/// How fast requests have been finishing lately: what a refusal for overload bases its advice on.
struct FinishRate: Equatable {
    /// When the last requests finished, oldest first.
    private var finishes: [ContinuousClock.Instant] = []

    /// Finishes that are remembered.
    static let window = 32
    /// Bounds of the advice.
    static let shortest = Duration.milliseconds(100)
    static let longest = Duration.seconds(30)
    /// Advice as long as nothing is known.
    static let unknown = Duration.seconds(1)

    mutating func record(_ now: ContinuousClock.Instant) {
        finishes.append(now)
        if finishes.count > Self.window { finishes.removeFirst() }
    }

    /// When asking again may help: the time in which what waits now will have been worked off at the recent rate.
    ///
    /// - Parameter waiting: requests that wait for a place.
    func retryAfter(waiting: Int, now: ContinuousClock.Instant) -> Duration {
        guard let first = finishes.first, first < now else { return Self.unknown }
        // Up to now, not to the last finish: when nothing finishes any more, the rate falls.
        let perFinish = first.duration(to: now) / finishes.count
        return min(max(perFinish * max(1, waiting), Self.shortest), Self.longest)
    }
}
