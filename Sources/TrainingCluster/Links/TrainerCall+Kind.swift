import Tensors
import Wire

extension TrainerCall {
    /// Which call it is, for counting.
    var kind: TrainerTraffic.Kind {
        switch self {
        case .open: .open
        case .load: .load
        case .read: .read
        case .forward: .forward
        case .backward: .backward
        case .norm: .norm
        case .update: .update
        }
    }

    var opensSession: Bool { if case .open = self { true } else { false } }

    /// Bytes of the numbers that go with it.
    var numberBytes: Int {
        switch self {
        case .load(_, let values): values.byteCount
        case .forward(let pass), .backward(let pass, _): pass.rows.byteCount
        case .open, .read, .norm, .update: 0
        }
    }

    /// Checks that it can be sent at all.
    ///
    /// - Throws: `TrainerFailure` that says what does not fit.
    func check() throws(TrainerFailure) {
        let probe = NumberedCall(session: 1, number: opensSession ? 1 : 2, acknowledged: 0, call: self)
        do {
            _ = try TrainingMessage.call(probe).encoded()
        } catch {
            throw TrainerFailure(.malformed, "the call cannot be sent: \(error)")
        }
    }
}

extension WireLimits {
    /// Frames of the largest message of the trainer protocol.
    static let trainerFrames = 2 + trainingFrames
    /// Bytes of the largest message of the trainer protocol.
    static let trainerBytes = ProtocolHeader.byteCount + envelope + trainingFrames * payload
}
