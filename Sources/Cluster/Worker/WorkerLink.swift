import MedMoE
import Tensors
import Wire

/// What a worker knows about one coordinator.
struct WorkerLink {
    enum Phase: Equatable {
        /// Not yet asked, or a pause before the next Hello.
        case away(until: Moment?)
        /// Hello was sent.
        case greeting
        case serving(epoch: UInt64)
    }

    var phase = Phase.away(until: nil)
    var beat: Duration
    var retry: Duration
    var lastHeard: Moment?
    var lastSent: Moment?
    var queue: [QueuedTile] = []
    /// The run of the coordinator that welcomed us last.
    var coordinator: Incarnation?

    init(beat: Duration, retry: Duration) {
        self.beat = beat
        self.retry = retry
    }
}

/// Where a result belongs.
struct JobOrigin {
    let link: Int
    let epoch: UInt64
    let tile: UInt64
    let attempt: Int
    let address: ExpertAddress
    let rows: Int
    /// Rows of the domain expert.
    let expertRows: Int
}

struct QueuedTile {
    let origin: JobOrigin
    let tile: ExpertTile
    let deadline: Moment
}
