import Wire

/// A session as its trainer sees it.
struct TrainerSession {
    let id: UInt64
    /// Number of the last call that arrived.
    var accepted: UInt64 = 0
    /// Number of the last call that was answered.
    var answered: UInt64 = 0
    /// Calls whose turn has not come, in the order of their numbers.
    var queue: [NumberedCall] = []
    /// Answers that may not have arrived, in the order of their numbers.
    var kept: [TrainerAnswer] = []

    init(id: UInt64) { self.id = id }

    /// The coordinator has all answers up to this one.
    mutating func acknowledge(upTo number: UInt64) {
        guard let first = kept.first, first.number <= number else { return }
        kept.removeAll { $0.number <= number }
    }

    var beat: TrainerBeat { TrainerBeat(session: id, accepted: accepted, answered: answered) }
}
