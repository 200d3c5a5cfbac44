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

    /// Rows that are computed for it.
    var rows: Int {
        switch self {
        case .forward(let pass), .backward(let pass, _): pass.rows.shape.first ?? 0
        case .open, .load, .read, .norm, .update: 0
        }
    }

    /// Bytes of the numbers that go with it.
    var numberBytes: Int {
        switch self {
        case .load(_, let values): values.byteCount
        case .forward(let pass), .backward(let pass, _): pass.rows.byteCount
        case .open, .read, .norm, .update: 0
        }
    }

    /// Bytes of the numbers that its answer may have at most.
    ///
    /// - Parameter largestTensor: bytes of the largest tensor of the session's network.
    func answerBytes(largestTensor: Int) -> Int {
        switch self {
        case .open, .load, .norm, .update: 0
        case .read: largestTensor
        case .forward(let pass): pass.rows.byteCount
        case .backward(let pass, let needsInput):
            (needsInput ? pass.rows.byteCount : 0) + (pass.rows.shape.first ?? 0) * MemoryLayout<Float>.size
        }
    }

    /// Checks that it can be sent at all, wherever it stands in whatever session.
    ///
    /// - Throws: `TrainerFailure` that says what does not fit.
    func check() throws(TrainerFailure) {
        let number: UInt64 = opensSession ? 1 : .max
        let probe = NumberedCall(session: .max, number: number, acknowledged: number - 1, call: self)
        do {
            _ = try MessageToTrainer.call(probe).encoded()
        } catch {
            throw TrainerFailure(.malformed, "the call cannot be sent: \(error)")
        }
    }
}

extension OpenedExperts {
    /// Bytes of the largest tensor of the network: in both kinds, a weight between the two widths.
    var largestTensorBytes: Int {
        let numbers = min(hidden, WireLimits.width) * min(inner, WireLimits.width)
        return min(numbers, WireLimits.trainingNumbers) * MemoryLayout<Float>.size
    }
}

extension WireLimits {
    /// Frames of the largest message of the trainer protocol.
    static let trainerFrames = 2 + trainingFrames
    /// Bytes of the largest message of the trainer protocol.
    static let trainerBytes = ProtocolHeader.byteCount + envelope + trainingFrames * payload
}
