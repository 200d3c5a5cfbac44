import Wire

/// Somebody who holds experts and lets them learn.
///
/// Made on a compute thread, used on that thread alone, for one call after the other.
public protocol TrainerComputing: AnyObject {
    /// Carries out a call; each comes once, in the coordinator's order. An `open` begins anew: whatever was held before is
    /// to be forgotten, also what calls of another session left half done.
    ///
    /// - Returns: numbers and sums that were asked for. The numbers must not change any more: they are sent later, perhaps
    ///   twice. Zero for the time lets the endpoint measure it.
    /// - Throws: `TrainerFailure`, which fails this call alone.
    func carryOut(_ call: TrainerCall) throws(TrainerFailure) -> TrainerResult

    /// The session is over and no other has begun: gives back the memory of what was held for it.
    func forget()
}
