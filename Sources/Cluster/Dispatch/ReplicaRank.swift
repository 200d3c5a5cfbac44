import Foundation
import Wire

/// How well a worker suits a tile: among those that are finished equally soon, the smallest is the best.
struct ReplicaRank: Comparable {
    /// Times that differ by less count as the same. Less than two, or of two idle workers one would get two tiles at once.
    static let nearlyAsSoon = 1.5

    let identity: PeerIdentity
    /// Seconds that it takes for the tile alone.
    let estimate: Double
    /// Seconds until it has answered the tile.
    let finish: Double
    let isStuck: Bool
    private let recentSeconds: Double
    private let name: String
    private let epoch: UInt64

    init(_ worker: WorkerSession, estimate: Double, now: Moment) {
        identity = worker.identity
        self.estimate = estimate
        finish = worker.backlog(now: now) + estimate
        isStuck = worker.isStuck
        recentSeconds = worker.recentWork.seconds(now: now)
        name = worker.name
        epoch = worker.epoch
    }

    static func < (a: ReplicaRank, b: ReplicaRank) -> Bool {
        (a.recentSeconds, a.name, a.epoch) < (b.recentSeconds, b.name, b.epoch)
    }
}

/// Seconds of work that a worker was given lately; what is older counts less and less.
struct RecentWork: Sendable {
    /// After this time work counts a third.
    private static let memory = 2.0

    private var total = 0.0
    private var updated: Moment?

    mutating func add(_ seconds: Double, now: Moment) {
        total = self.seconds(now: now) + seconds
        updated = now
    }

    func seconds(now: Moment) -> Double {
        guard let updated else { return 0 }
        return total * exp(-max(0, updated.duration(to: now).inSeconds) / Self.memory)
    }
}
