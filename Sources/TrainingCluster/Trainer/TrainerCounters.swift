/// What happened to a trainer so far.
public struct TrainerCounters: Sendable, Hashable {
    /// Calls that were carried out and answered, failures included.
    public var carriedOut: UInt64 = 0
    /// Calls that had arrived before.
    public var repeats: UInt64 = 0
    /// Calls that came out of turn, or found no room: they are repeated by the coordinator.
    public var ignored: UInt64 = 0
    /// Calls of sessions that this trainer is not in.
    public var foreign: UInt64 = 0
    /// Results for sessions that were over.
    public var dropped: UInt64 = 0
    /// How often the coordinator was silent for too long.
    public var silences: UInt64 = 0
    public var malformed: UInt64 = 0

    public init() {}
}
