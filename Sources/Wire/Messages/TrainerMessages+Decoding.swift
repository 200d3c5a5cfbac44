import CWire
import Tensors

extension MessageToTrainer {
    /// Reads what a coordinator sent to a trainer. A `Rejected` of another version is read too, for its reason.
    public init(decoding message: Multipart) throws(WireError) {
        let type = try message.type(anyVersion: [.rejected])
        switch type {
        case .beat:
            try message.expectNothingMore(in: "Beat")
            self = .beat
        case .open: self = .call(try .open(message))
        case .load: self = .call(try .load(message))
        case .read: self = .call(try .read(message))
        case .forward: self = .call(try .forward(message))
        case .backward: self = .call(try .backward(message))
        case .norm: self = .call(try .norm(message))
        case .update: self = .call(try .update(message))
        case .rejected: self = .rejected(try Rejection(envelope: message.envelope(of: "Rejected")))
        case .goodbye: self = .goodbye(reason: try goodbyeReason(message))
        default: throw .unexpected(type: type.rawValue)
        }
    }
}

extension TrainerMessage {
    /// Reads what a trainer sent.
    public init(decoding message: Multipart) throws(WireError) {
        let type = try message.type()
        switch type {
        case .trainerHello: self = .hello(try TrainerHello(envelope: message.envelope(of: "TrainerHello")))
        case .trainerBeat: self = .beat(try TrainerBeat(envelope: message.envelope(of: "TrainerBeat")))
        case .answer: self = .answer(try TrainerAnswer(answer: message))
        case .failed: self = .answer(try TrainerAnswer(failed: message.envelope(of: "Failed")))
        case .goodbye: self = .goodbye(reason: try goodbyeReason(message))
        default: throw .unexpected(type: type.rawValue)
        }
    }
}

// MARK: - Coordinator to trainer

extension NumberedCall {
    fileprivate static func open(_ message: Multipart) throws(WireError) -> NumberedCall {
        try Envelope.unpack(message.envelope(of: "Open"), as: "Open", with: medmoe__trainer__open__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Open")
            let place = try CallPlace(raw.call, reader)
            guard let network = OpenedExperts.Network(rawValue: UInt32(raw.network.rawValue)) else {
                throw reader.failure("network", "is type \(raw.network.rawValue), which is not known")
            }
            let experts = try reader.messages(raw.experts, count: raw.n_experts, "experts") { expert throws(WireError) in
                ExpertPlace(
                    layer: try reader.index(expert.layer, "experts.layer"), expert: try reader.index(expert.expert, "experts.expert"))
            }
            guard zip(experts, experts.dropFirst()).allSatisfy(<) else { throw reader.failure("experts", "do not ascend") }
            return place.call(
                .open(
                    OpenedExperts(
                        network: network, hidden: try reader.number(raw.hidden, "hidden", in: 1...WireLimits.width),
                        inner: try reader.number(raw.inner, "inner", in: 1...WireLimits.width), experts: experts,
                        beta1: try reader.finite(raw.beta1, "beta1"), beta2: try reader.finite(raw.beta2, "beta2"),
                        epsilon: try reader.finite(raw.epsilon, "epsilon"), decay: try reader.finite(raw.decay, "decay"),
                        steps: try reader.steps(raw.steps))))
        }
    }

    fileprivate static func load(_ message: Multipart) throws(WireError) -> NumberedCall {
        let envelope = try message.envelope(of: "Load", payloads: 0...WireLimits.trainingFrames)
        return try Envelope.unpack(envelope, as: "Load", with: medmoe__trainer__load__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Load")
            let place = try CallPlace(raw.call, reader)
            let state = try reader.state(layer: raw.layer, expert: raw.expert, tensor: raw.tensor, kind: raw.kind)
            let numbers = try NumberPayload(of: message, count: Int(clamping: raw.numbers), reader)
            return place.call(.load(state, values: try numbers.tensor(reader)))
        }
    }

    fileprivate static func read(_ message: Multipart) throws(WireError) -> NumberedCall {
        try Envelope.unpack(message.envelope(of: "Read"), as: "Read", with: medmoe__trainer__read__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Read")
            let place = try CallPlace(raw.call, reader)
            return place.call(.read(try reader.state(layer: raw.layer, expert: raw.expert, tensor: raw.tensor, kind: raw.kind)))
        }
    }

    fileprivate static func forward(_ message: Multipart) throws(WireError) -> NumberedCall {
        let envelope = try message.envelope(of: "Forward", payloads: 0...WireLimits.trainingFrames)
        return try Envelope.unpack(envelope, as: "Forward", with: medmoe__trainer__forward__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Forward")
            let place = try CallPlace(raw.call, reader)
            let segments = try reader.segments(raw.segments, count: raw.n_segments)
            let layer = try reader.index(raw.layer, "layer")
            let rows = try reader.rows(of: message, segments: segments, width: raw.width)
            return place.call(.forward(ExpertPass(step: raw.step, layer: layer, segments: segments, rows: rows)))
        }
    }

    fileprivate static func backward(_ message: Multipart) throws(WireError) -> NumberedCall {
        let envelope = try message.envelope(of: "Backward", payloads: 0...WireLimits.trainingFrames)
        return try Envelope.unpack(envelope, as: "Backward", with: medmoe__trainer__backward__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Backward")
            let place = try CallPlace(raw.call, reader)
            let segments = try reader.segments(raw.segments, count: raw.n_segments)
            let layer = try reader.index(raw.layer, "layer")
            let rows = try reader.rows(of: message, segments: segments, width: raw.width)
            let pass = ExpertPass(step: raw.step, layer: layer, segments: segments, rows: rows)
            return place.call(.backward(pass, needsInput: raw.needs_input != 0))
        }
    }

    fileprivate static func norm(_ message: Multipart) throws(WireError) -> NumberedCall {
        try Envelope.unpack(message.envelope(of: "Norm"), as: "Norm", with: medmoe__trainer__norm__unpack) { raw throws(WireError) in
            try CallPlace(raw.call, FieldReader(message: "Norm")).call(.norm(step: raw.step))
        }
    }

    fileprivate static func update(_ message: Multipart) throws(WireError) -> NumberedCall {
        try Envelope.unpack(message.envelope(of: "Update"), as: "Update", with: medmoe__trainer__update__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Update")
            let place = try CallPlace(raw.call, reader)
            return place.call(
                .update(step: raw.step, scale: try reader.finite(raw.scale, "scale"), rate: try reader.finite(raw.rate, "rate")))
        }
    }
}

/// Where a call stands. It is read before the call, so that nothing is copied for a call without a place.
private struct CallPlace {
    let session: UInt64
    let number: UInt64
    let acknowledged: UInt64

    init(_ raw: UnsafeMutablePointer<Medmoe__Trainer__Call>?, _ reader: FieldReader) throws(WireError) {
        guard let raw = raw?.pointee else { throw reader.failure("call", "is missing") }
        (session, number) = try reader.position(session: raw.session, number: raw.number)
        guard raw.acknowledged < number else {
            throw reader.failure("acknowledged", "is \(raw.acknowledged) in call \(number), expected less than its number")
        }
        acknowledged = raw.acknowledged
    }

    func call(_ call: TrainerCall) -> NumberedCall {
        NumberedCall(session: session, number: number, acknowledged: acknowledged, call: call)
    }
}

// MARK: - Trainer to coordinator

extension TrainerHello {
    fileprivate init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "TrainerHello", with: medmoe__trainer__hello__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "TrainerHello")
            let name = try reader.text(raw.name, "name", limit: WireLimits.name)
            guard !name.isEmpty else { throw reader.failure("name", "is empty") }
            return TrainerHello(incarnation: try reader.incarnation(raw.incarnation, "incarnation"), name: name)
        }
    }
}

extension TrainerBeat {
    fileprivate init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "TrainerBeat", with: medmoe__trainer__beat__unpack) { raw throws(WireError) in
            guard raw.answered <= raw.accepted else {
                throw FieldReader(message: "TrainerBeat").failure("answered", "is \(raw.answered), but only \(raw.accepted) calls arrived")
            }
            return TrainerBeat(session: raw.session, accepted: raw.accepted, answered: raw.answered)
        }
    }
}

extension TrainerAnswer {
    fileprivate init(answer message: Multipart) throws(WireError) {
        let envelope = try message.envelope(of: "Answer", payloads: 0...WireLimits.trainingFrames)
        self = try Envelope.unpack(envelope, as: "Answer", with: medmoe__trainer__answer__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Answer")
            let (session, number) = try reader.position(session: raw.session, number: raw.number)
            guard raw.n_sums <= WireLimits.trainingSums else {
                throw .tooLarge(field: "Answer 'sums' count", size: raw.n_sums, limit: WireLimits.trainingSums)
            }
            let numbers = try NumberPayload(of: message, count: Int(clamping: raw.numbers), reader)
            return TrainerAnswer(
                session: session, number: number,
                result: .success(
                    TrainerResult(
                        numbers: numbers.count == 0 ? nil : try numbers.tensor(reader),
                        sums: Array(UnsafeBufferPointer(start: raw.sums, count: raw.n_sums)),
                        computeNanoseconds: raw.compute_nanoseconds)))
        }
    }

    fileprivate init(failed envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Failed", with: medmoe__trainer__failed__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Failed")
            let (session, number) = try reader.position(session: raw.session, number: raw.number)
            let reason = try reader.text(raw.reason, "reason", limit: WireLimits.reason)
            return TrainerAnswer(
                session: session, number: number,
                result: .failure(TrainerFailure(TrainerFailure.Code(rawValue: UInt32(raw.code.rawValue)) ?? .unknown, reason)))
        }
    }
}

// MARK: - Fields

extension FieldReader {
    /// Which call of which session.
    fileprivate func position(session: UInt64, number: UInt64) throws(WireError) -> (session: UInt64, number: UInt64) {
        guard session != 0 else { throw failure("session", "is 0") }
        guard number != 0 else { throw failure("number", "is 0, calls are numbered from 1") }
        return (session, number)
    }

    /// Updates that were made before: more than anybody makes, less than what overflows when it is counted on.
    fileprivate func steps(_ value: UInt64) throws(WireError) -> UInt64 {
        guard value <= WireLimits.trainingSteps else {
            throw failure("steps", "is \(value), expected at most \(WireLimits.trainingSteps)")
        }
        return value
    }

    fileprivate func index(_ value: UInt32, _ field: String) throws(WireError) -> Int {
        try number(value, field, in: 0...WireLimits.index - 1)
    }

    fileprivate func finite(_ value: Float, _ field: String) throws(WireError) -> Float {
        guard value.isFinite else { throw failure(field, "is not finite") }
        return value
    }

    fileprivate func state(
        layer: UInt32, expert: UInt32, tensor: UInt32, kind: Medmoe__Trainer__StateKind
    ) throws(WireError) -> ExpertState {
        guard let kind = ExpertState.Kind(rawValue: UInt32(kind.rawValue)) else {
            throw failure("kind", "is type \(kind.rawValue), which is not known")
        }
        let place = ExpertPlace(layer: try index(layer, "layer"), expert: try index(expert, "expert"))
        return ExpertState(place, tensor: try index(tensor, "tensor"), kind: kind)
    }

    fileprivate func segments(
        _ first: UnsafeMutablePointer<UnsafeMutablePointer<Medmoe__Trainer__Segment>?>?, count: Int
    ) throws(WireError) -> [ExpertPass.Segment] {
        let segments = try messages(first, count: count, "segments") { segment throws(WireError) in
            ExpertPass.Segment(
                expert: try index(segment.expert, "segments.expert"),
                rows: try number(segment.rows, "segments.rows", in: 1...WireLimits.trainingNumbers))
        }
        guard zip(segments, segments.dropFirst()).allSatisfy({ $0.expert < $1.expert }) else {
            throw failure("segments", "do not ascend")
        }
        return segments
    }

    /// The rows of all segments.
    fileprivate func rows(of message: Multipart, segments: [ExpertPass.Segment], width: UInt32) throws(WireError) -> Tensor {
        let width = try number(width, "width", in: 1...WireLimits.width)
        // Less than 2^12 experts with at most 2^27 rows of at most 2^18 numbers: far from overflowing.
        let count = segments.reduce(0) { $0 + $1.rows }
        return try NumberPayload(of: message, count: count * width, self).tensor(shape: [count, width], self)
    }
}
