/// A worker that serves says what it holds from now on, instead of what it said before.
public struct HoldingsChanged: Sendable, Hashable {
    public var epoch: UInt64
    /// Grows with every change, so that an older one that comes late is recognised.
    public var version: UInt64
    public var holdings: [Hello.Holding]
    public var metas: [Hello.MetaHolding]

    public init(epoch: UInt64, version: UInt64, holdings: [Hello.Holding], metas: [Hello.MetaHolding]) {
        self.epoch = epoch
        self.version = version
        self.holdings = holdings
        self.metas = metas
    }
}

/// A worker is on its way out: it finishes what it has, then says goodbye.
public struct Unready: Sendable, Hashable {
    public var epoch: UInt64
    public var reason: String

    public init(epoch: UInt64, reason: String) {
        self.epoch = epoch
        self.reason = reason
    }
}

/// A coordinator does not want a tile any more that it sent.
public struct Forget: Sendable, Hashable {
    public var epoch: UInt64
    public var tile: UInt64
    public var attempt: Int

    public init(epoch: UInt64, tile: UInt64, attempt: Int) {
        self.epoch = epoch
        self.tile = tile
        self.attempt = attempt
    }
}

/// A coordinator lets a worker load and unload experts while it serves.
public struct Assign: Sendable, Hashable {
    public var epoch: UInt64
    /// Returned in `Assigned`.
    public var assignment: UInt64
    /// Indices of experts, in every mixture layer that has them.
    public var add: [Int]
    public var drop: [Int]

    public init(epoch: UInt64, assignment: UInt64, add: [Int], drop: [Int]) {
        self.epoch = epoch
        self.assignment = assignment
        self.add = add
        self.drop = drop
    }
}

/// How an assignment ended. If it changed anything, `HoldingsChanged` came before.
public struct Assigned: Sendable, Hashable {
    public var epoch: UInt64
    public var assignment: UInt64
    /// Why nothing changed; nil when all was done.
    public var failure: String?

    public init(epoch: UInt64, assignment: UInt64, failure: String?) {
        self.epoch = epoch
        self.assignment = assignment
        self.failure = failure
    }
}
