/// Another dispatch behind a network that takes its time, for measuring what such a network would cost.
public struct DelayedDispatch: ExpertDispatch {
    private let base: any ExpertDispatch
    private let roundTrip: Duration

    /// - Parameter oneWay: time that every message takes longer, each way.
    public init(_ base: any ExpertDispatch, oneWay: Duration) {
        self.base = base
        roundTrip = oneWay * 2
    }

    public func submit(
        _ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered
    ) -> any DispatchTicket {
        DelayedTicket(base: base.submit(tiles, deadline: deadline, whenUncovered: whenUncovered), roundTrip: roundTrip)
    }
}

private struct DelayedTicket: DispatchTicket {
    let base: any DispatchTicket
    let roundTrip: Duration

    func results() async throws -> [TileResult] {
        let results = try await base.results()
        try await ContinuousClock().sleep(for: roundTrip, tolerance: .zero)
        return results
    }

    func cancel() { base.cancel() }
}
