import Wire

/// Names a call before it has a number; given by whoever waits for the answer.
struct CallID: Sendable, Hashable, Comparable {
    let value: UInt64

    init(_ value: UInt64) { self.value = value }

    static func < (a: CallID, b: CallID) -> Bool { a.value < b.value }
}

/// A call without an answer.
struct OutstandingCall {
    let id: CallID
    let number: UInt64
    let call: TrainerCall
    /// When it was sent last; nil while it waits for its turn.
    var sent: Moment?
    var repeats = 0

    init(id: CallID, number: UInt64, call: TrainerCall) {
        self.id = id
        self.number = number
        self.call = call
    }
}

/// The calls of a session to one trainer: those that were sent and not answered, then those that wait.
///
/// A trainer keeps answers until it knows that they arrived, and libzmq keeps what it could not send yet: so only some are
/// under way at a time.
struct OutstandingCalls {
    /// In the order of their numbers.
    private(set) var calls: [OutstandingCall] = []
    /// The first so many of `calls` were sent.
    private(set) var sentCount = 0
    /// Bytes of numbers in them.
    private(set) var sentBytes = 0
    private(set) var next: UInt64 = 1
    /// Bytes of the largest tensor that can be read in this session.
    private(set) var largestTensor = 0
    /// The last call that the trainer is known to have, and since when.
    private(set) var accepted: (number: UInt64, since: Moment?) = (0, nil)
    /// The last call that the trainer is known to have ended.
    private var ended: UInt64 = 0
    /// Since when it has been the turn of the first call: since it was sent, arrived, or the trainer ended another one. Repeating it
    /// changes nothing. Nil while none is under way.
    private var turn: Moment?

    /// Answers to all calls up to this one arrived.
    var acknowledged: UInt64 { (calls.first?.number ?? next) - 1 }

    var sent: ArraySlice<OutstandingCall> { calls[..<sentCount] }

    /// The call that the trainer ought to be busy with, and since when; nil while it owes nothing.
    var current: (call: OutstandingCall, since: Moment)? {
        guard sentCount > 0, let first = calls.first, let turn else { return nil }
        return (first, turn)
    }

    /// The number is the next one.
    mutating func append(_ id: CallID, _ call: TrainerCall) {
        if case .open(let opened) = call { largestTensor = opened.largestTensorBytes }
        calls.append(OutstandingCall(id: id, number: next, call: call))
        next += 1
    }

    /// Bytes of numbers that the largest of the answers under way may have.
    var largestAnswer: Int { sent.lazy.map { $0.call.answerBytes(largestTensor: largestTensor) }.max() ?? 0 }

    /// The next call if it may be sent now; it counts as sent then.
    mutating func takeNext(mostCalls: Int, mostBytes: Int, now: Moment) -> OutstandingCall? {
        guard sentCount < calls.count else { return nil }
        let call = calls[sentCount]
        if let first = calls.first, sentCount > 0 {
            // Until it is open, a trainer would say that it is not in the session.
            guard first.number > 1 else { return nil }
            // A range of numbers and not a count: so many answers are kept at most.
            guard call.number - first.number < UInt64(mostCalls), sentBytes + call.call.numberBytes <= mostBytes else { return nil }
        }
        calls[sentCount].sent = now
        if sentCount == 0 { turn = now }
        sentCount += 1
        sentBytes += call.call.numberBytes
        return call
    }

    /// A call that was sent and not answered.
    func sent(_ number: UInt64) -> OutstandingCall? { sent.first { $0.number == number } }

    /// Whether a call of this number was never sent, so that there cannot be an answer.
    func isUnsent(_ number: UInt64) -> Bool { number >= next || (sentCount < calls.count && number >= calls[sentCount].number) }

    /// The trainer has all calls up to this one. While it gets more, what is sent is on its way and not lost.
    mutating func accept(upTo number: UInt64, now: Moment) {
        guard number > accepted.number else { return }
        // Only the way of the first one delays its computing.
        if let first = calls.first?.number, accepted.number < first, number >= first { turn = now }
        accepted = (number, now)
        for index in 0..<sentCount where calls[index].number > number { calls[index].repeats = 0 }
    }

    /// The trainer ended all calls up to this one; perhaps their answers are on their way.
    mutating func end(upTo number: UInt64, now: Moment) {
        // What was never sent is no progress: whoever counts on for ever is not waited for.
        guard number > ended, !isUnsent(number) else { return }
        (ended, turn) = (number, now)
    }

    /// The coordinator itself slept: that is not the trainer's time.
    mutating func forgive(_ time: Duration) { turn = turn.map { $0 + time } }

    /// Takes out a call that is answered.
    mutating func remove(_ number: UInt64, now: Moment) -> OutstandingCall? {
        guard let index = sent.firstIndex(where: { $0.number == number }) else { return nil }
        (ended, turn) = (max(ended, number), now)
        sentCount -= 1
        sentBytes -= calls[index].call.numberBytes
        return calls.remove(at: index)
    }

    /// Marks sent calls as sent again, in their order.
    ///
    /// - Parameter isMissing: is told a call and the bytes of numbers that were sent up to it, itself included.
    /// - Returns: those that are to be sent again.
    mutating func repeated(now: Moment, where isMissing: (OutstandingCall, _ bytes: Int) -> Bool) -> [OutstandingCall] {
        var result: [OutstandingCall] = []
        var bytes = 0
        for index in 0..<sentCount {
            bytes += calls[index].call.numberBytes
            guard isMissing(calls[index], bytes) else { continue }
            calls[index].sent = now
            calls[index].repeats += 1
            result.append(calls[index])
        }
        return result
    }
}
