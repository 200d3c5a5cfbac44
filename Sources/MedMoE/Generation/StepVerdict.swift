/// What becomes of the requests of a step that failed. Whoever is not named repeats the step.
enum StepVerdict: Equatable {
    /// These need experts that nobody holds: each waits in a lane of its own.
    case park([Int])
    /// These end with the error.
    case fail([Int])
    /// All try again after a pause.
    case pause

    /// One request of the step.
    struct Member: Equatable {
        /// Its rows in the batch.
        let rows: Range<Int>
        let deadline: ContinuousClock.Instant
    }

    /// A dispatch may give up this much before the deadline, for the rounding of clocks.
    static let slack = Duration.milliseconds(20)

    /// Judges a failed step. Except for a pause, at least one request is named: a step never repeats unchanged.
    ///
    /// - Parameters:
    ///   - members: the requests of the step; the verdict names them by index.
    ///   - mayPark: whether the step asked to hear of missing experts, rather than wait for them.
    init(_ error: any Error, members: [Member], mayPark: Bool, now: ContinuousClock.Instant) {
        let everyone = Array(members.indices)
        let concerned: [Int]
        let cause: DispatchError
        switch error {
        case let error as TilesFailed:
            let owners = everyone.filter { index in error.rows.contains { members[index].rows.contains($0) } }
            concerned = owners.isEmpty ? everyone : owners
            cause = error.cause
        case let error as DispatchError:
            concerned = everyone
            cause = error
        default:
            self = .fail(everyone)
            return
        }
        let expired = everyone.filter { members[$0].deadline <= now.advanced(by: Self.slack) }
        switch cause {
        case .uncovered: self = mayPark ? .park(concerned) : .pause
        case .overloaded: self = .pause
        // At a deadline, whose time it was; before it, nobody waits for these experts.
        case .expertsLost: self = .fail(expired.isEmpty ? concerned : expired)
        case .deadline:
            let first = concerned.min { members[$0].deadline < members[$1].deadline }
            self = .fail(expired.isEmpty ? first.map { [$0] } ?? everyone : expired)
        case .rejected, .cancelled: self = .fail(everyone)
        }
    }
}
