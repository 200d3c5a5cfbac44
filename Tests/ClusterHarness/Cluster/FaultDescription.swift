/// What a misbehaving worker does, and at which of its tiles.
package struct FaultDescription: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// SIGKILL to itself when a tile arrives.
        case killReceiving = "kill-receiving"
        /// SIGKILL to itself in the middle of computing a tile.
        case killComputing = "kill-computing"
        /// SIGKILL to itself when a tile is computed, before the reply leaves.
        case killReplying = "kill-replying"
        /// SIGKILL to itself right after the reply was handed to the socket.
        case killReplied = "kill-replied"
        /// Takes more and more memory until it is killed for it.
        case leak
        /// Takes 20 times as long for a tile, without work for the processor.
        case slow
        /// Replies with one row less.
        case wrongShape = "wrong-shape"
        /// Replies with values that are not numbers.
        case notANumber = "nan"
        /// Replies twice.
        case duplicate
    }

    package var kind: Kind
    /// The first tile of the misbehaviour, from 1.
    package var from: Int
    /// From then on every how manyth tile.
    package var every: Int

    package init(_ kind: Kind, from: Int = 1, every: Int = 1) {
        self.kind = kind
        self.from = from
        self.every = every
    }

    /// Whether the tile with this number, from 1, is one of them.
    package func concerns(_ tile: Int) -> Bool { tile >= from && (tile - from) % max(1, every) == 0 }

    /// How `faults worker` is told.
    package var arguments: [String] { ["--fault", kind.rawValue, "--from", "\(from)", "--every", "\(every)"] }
}
