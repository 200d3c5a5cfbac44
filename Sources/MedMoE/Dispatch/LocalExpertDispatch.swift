import Tensors

/// Experts in this process: a tile is computed on the spot, by the same calls as on a worker.
///
/// `submit` must run on the compute executor that owns the context, as the engine's own calls do; that promise is what
/// makes the unchecked `Sendable` true.
public final class LocalExpertDispatch: ExpertDispatch, @unchecked Sendable {
    private let bank: ExpertBank
    private let context: ComputeContext
    private let clock = ContinuousClock()

    public init(bank: ExpertBank, context: ComputeContext) {
        self.bank = bank
        self.context = context
    }

    public func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket {
        FinishedTicket(outcome: Result { try tiles.map(compute) })
    }

    private func compute(_ tile: ExpertTile) throws -> TileResult {
        let start = clock.now
        let rows = try bank.compute(tile, context).tensor()
        let elapsed = start.duration(to: clock.now).components
        return TileResult(
            rows: rows, worker: "local", expertRows: tile.rowCount,
            computeNanoseconds: UInt64(elapsed.seconds) * 1_000_000_000 + UInt64(elapsed.attoseconds / 1_000_000_000))
    }
}

/// A ticket whose results are already there.
struct FinishedTicket: DispatchTicket {
    let outcome: Result<[TileResult], any Error>

    var settled: Result<[TileResult], any Error>? { outcome }
    func results() async throws -> [TileResult] { try outcome.get() }
    func cancel() {}
}
