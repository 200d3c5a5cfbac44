import MedMoE
import Synchronization

/// Another dispatch, and a record of what goes through it.
public final class RecordedDispatch: ExpertDispatch {
    /// What went through.
    public struct Record: Sendable, Hashable {
        /// Submissions: one per mixture layer and step.
        public var submissions = 0
        public var tiles = 0
        /// One per token and choice.
        public var rows = 0
        /// Workers that computed something, added up over the submissions.
        public var workers = 0

        public static func - (later: Record, earlier: Record) -> Record {
            Record(
                submissions: later.submissions - earlier.submissions, tiles: later.tiles - earlier.tiles,
                rows: later.rows - earlier.rows, workers: later.workers - earlier.workers)
        }
    }

    private let base: any ExpertDispatch
    private let state = Mutex(Record())

    public init(_ base: any ExpertDispatch) { self.base = base }

    /// Everything that was answered so far.
    public var record: Record { state.withLock { $0 } }

    public func submit(
        _ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered
    ) -> any DispatchTicket {
        RecordedTicket(base: base.submit(tiles, deadline: deadline, whenUncovered: whenUncovered)) { [self] results in
            let workers = Set(results.flatMap { $0.shares.map(\.worker) })
            state.withLock { record in
                record.submissions += 1
                record.tiles += tiles.count
                record.rows += tiles.reduce(0) { $0 + $1.rowCount }
                record.workers += workers.count
            }
        }
    }
}

private struct RecordedTicket: DispatchTicket {
    let base: any DispatchTicket
    let answered: @Sendable ([TileResult]) -> Void

    func results() async throws -> [TileResult] {
        let results = try await base.results()
        answered(results)
        return results
    }

    func cancel() { base.cancel() }
}
