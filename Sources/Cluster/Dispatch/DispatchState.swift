import MedMoE
import Tensors
import Wire

/// A worker that was welcomed.
struct WorkerSession {
    let identity: PeerIdentity
    let incarnation: Incarnation
    let name: String
    let epoch: UInt64
    /// Whether tiles may be split: a row's result does not depend on its neighbours.
    let rowsAreIndependent: Bool
    var holdings: [ExpertAddress: ExpertDigest]
    var metas: [Int: ExpertDigest]
    /// Of the last change of holdings.
    var holdingsVersion: UInt64 = 0
    var lastHeard: Moment
    var lastSent: Moment
    /// It answers what it has, but takes nothing new.
    var isLeaving = false
    /// It owes a reply for much too long and has not answered anything since: nothing new while others hold its experts.
    var isStuck = false
    /// Its queue was full, or its replies were wrong: nothing new before this.
    var pausedUntil: Moment?
    /// Wrong replies since the last right one.
    var faults = 0
    /// What it owes, also for tickets that have ended: it still has the rows.
    var owed: [UInt64: OwedTile] = [:]
    var owedRows = 0
    var owedBytes = 0
    /// How long it was expected to take for all that it owes.
    var owedSeconds = 0.0
    var lastReply: Moment?
    var times = ServiceTimes()
    var tilesDone: UInt64 = 0
    var rowsDone: UInt64 = 0
    var recentWork = RecentWork()
    var rate = RateMeter()
    var assignments: Set<AssignmentID> = []

    /// The first digits of its incarnation, for people.
    var run: String { incarnation.description }

    mutating func owe(_ id: UInt64, _ tile: OwedTile) {
        owed[id] = tile
        owedRows += tile.rows
        owedBytes += tile.bytes
        owedSeconds += tile.estimate
    }

    mutating func settle(_ id: UInt64) -> OwedTile? {
        guard let tile = owed.removeValue(forKey: id) else { return nil }
        owedRows -= tile.rows
        owedBytes -= tile.bytes
        owedSeconds = owed.isEmpty ? 0 : max(0, owedSeconds - tile.estimate)
        return tile
    }

    /// Whether it would begin with a tile at once.
    var isIdle: Bool { owed.isEmpty && !isStuck && !isLeaving }

    /// Seconds until it will have answered what it owes.
    func backlog(now: Moment) -> Double {
        guard let first = owed.values.min(by: { $0.sent < $1.sent }) else { return 0 }
        let elapsed = max(first.sent, lastReply ?? first.sent).duration(to: now).inSeconds
        // One that is late will probably take as long again as it has already taken.
        return elapsed <= first.estimate ? owedSeconds - elapsed : owedSeconds - first.estimate + elapsed
    }
}

/// A tile that is with a worker.
struct OwedTile {
    let attempt: Int
    let expert: Int
    let rows: Int
    let bytes: Int
    /// When the ticket gives up.
    let deadline: Moment
    let sent: Moment
    /// Seconds that this tile alone was expected to take.
    let estimate: Double
    /// Seconds until its reply was expected.
    let expected: Double
    /// When it counts as late.
    var lateAt: Moment
    var isLate = false
}

/// A submission and what came back for it.
struct Ticket {
    let began: Moment
    let deadline: Moment
    let whenUncovered: WhenUncovered
    /// All parts of all its tiles.
    var parts: [UInt64]
    var results: [Assembly]
    var missing: Int
}

/// The result of one submitted tile, put together from its parts.
struct Assembly {
    let rows: Int
    private var parts: [(first: Int, result: TileResult)] = []

    init(rows: Int) { self.rows = rows }

    mutating func add(_ result: TileResult, from first: Int) { parts.append((first, result)) }

    /// All parts in the order of their rows.
    func result(width: Int) throws -> TileResult {
        if parts.count == 1 { return parts[0].result }
        let ordered = parts.sorted { $0.first < $1.first }
        let storage = Storage.filled(byteCount: rows * width * MemoryLayout<Float>.size) { target in
            for (first, result) in ordered {
                result.rows.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: target[(first * width * MemoryLayout<Float>.size)...]).copyMemory(from: $0)
                }
            }
        }
        return TileResult(
            rows: try Tensor(dtype: .float32, shape: [rows, width], storage: storage), shares: ordered.flatMap(\.result.shares),
            expertRows: ordered.reduce(0) { $0 + $1.result.expertRows }, degraded: ordered.contains { $0.result.degraded })
    }
}

/// A tile, or a part of one that is split among replicas.
struct TileState {
    let ticket: TicketID
    /// Which tile of the ticket.
    let index: Int
    /// Where its rows begin in that tile.
    let firstRow: Int
    var tile: ExpertTile
    /// How often it was sent.
    var attempts = 0
    /// Who has it now, and which attempt that is: nobody, one, or after hedging two.
    var carriers: [PeerIdentity: Int] = [:]
    /// Runs of workers that will not get it again.
    var refusedBy: Set<Incarnation> = []

    var byteCount: Int { tile.rows.byteCount }
}
