import CWire
import Tensors

extension MessageToTrainer {
    /// The message as frames. Rows and numbers are shown to libzmq, not copied.
    ///
    /// - Throws: `WireError.tooLarge` when it does not fit the limits, `WireError.malformed` when its rows are not what it
    ///   says of them.
    public func encoded() throws(WireError) -> Multipart {
        switch self {
        case .beat: try Multipart(.beat)
        case .call(let call): try call.encoded()
        case .rejected(let rejection): try assemble(.rejected, rejection.envelope())
        case .goodbye(let reason): try assemble(.goodbye, goodbyeEnvelope(reason))
        }
    }
}

extension TrainerMessage {
    /// The message as frames. Numbers are shown to libzmq, not copied.
    ///
    /// - Throws: `WireError.tooLarge` when it does not fit the limits, `WireError.malformed` when its numbers are not float32.
    public func encoded() throws(WireError) -> Multipart {
        switch self {
        case .hello(let hello): try assemble(.trainerHello, hello.envelope())
        case .beat(let beat): try assemble(.trainerBeat, beat.envelope())
        case .answer(let answer): try answer.encoded()
        case .goodbye(let reason): try assemble(.goodbye, goodbyeEnvelope(reason))
        }
    }
}

/// A message with numbers behind its envelope.
private func assemble(_ type: MessageType, _ envelope: Frame, showing numbers: Tensor, of message: String) throws(WireError) -> Multipart {
    var assembled = try assemble(type, envelope)
    assembled.frames += try NumberPayload.frames(showing: numbers, FieldReader(message: message))
    return assembled
}

// MARK: - Coordinator to trainer

extension NumberedCall {
    fileprivate func encoded() throws(WireError) -> Multipart {
        switch call {
        case .open(let opened): try assemble(.open, envelope(of: opened))
        case .load(let state, let values):
            try assemble(.load, envelope(of: state, numbers: values.elementCount), showing: values, of: "Load")
        case .read(let state): try assemble(.read, envelope(of: state))
        case .forward(let pass): try assemble(.forward, envelope(of: pass), showing: pass.rows, of: "Forward")
        case .backward(let pass, let needsInput):
            try assemble(.backward, envelope(of: pass, needsInput: needsInput), showing: pass.rows, of: "Backward")
        case .norm(let step):
            try assemble(
                .norm,
                Envelope.pack(as: "Norm", medmoe__trainer__norm__init) { raw, arena in
                    raw.call = place(in: arena)
                    raw.step = step
                })
        case .update(let step, let scale, let rate):
            try assemble(
                .update,
                Envelope.pack(as: "Update", medmoe__trainer__update__init) { raw, arena in
                    raw.call = place(in: arena)
                    raw.step = step
                    raw.scale = scale
                    raw.rate = rate
                })
        }
    }

    private func place(in arena: EncodingArena) -> UnsafeMutablePointer<Medmoe__Trainer__Call>? {
        var place = Medmoe__Trainer__Call()
        medmoe__trainer__call__init(&place)
        place.session = session
        place.number = number
        place.acknowledged = acknowledged
        return arena.array([place])
    }

    private func envelope(of opened: OpenedExperts) throws(WireError) -> Frame {
        try Envelope.pack(as: "Open", medmoe__trainer__open__init) { raw, arena in
            raw.call = place(in: arena)
            raw.network = Medmoe__Trainer__Network(rawValue: .init(opened.network.rawValue))
            raw.hidden = UInt32(clamping: opened.hidden)
            raw.inner = UInt32(clamping: opened.inner)
            raw.n_experts = opened.experts.count
            raw.experts = arena.messages(
                opened.experts.map { expert in
                    var message = Medmoe__Trainer__Place()
                    medmoe__trainer__place__init(&message)
                    message.layer = UInt32(clamping: expert.layer)
                    message.expert = UInt32(clamping: expert.expert)
                    return message
                })
            raw.beta1 = opened.beta1
            raw.beta2 = opened.beta2
            raw.epsilon = opened.epsilon
            raw.decay = opened.decay
            raw.steps = opened.steps
        }
    }

    private func envelope(of state: ExpertState, numbers: Int) throws(WireError) -> Frame {
        try Envelope.pack(as: "Load", medmoe__trainer__load__init) { raw, arena in
            raw.call = place(in: arena)
            raw.layer = UInt32(clamping: state.place.layer)
            raw.expert = UInt32(clamping: state.place.expert)
            raw.tensor = UInt32(clamping: state.tensor)
            raw.kind = Medmoe__Trainer__StateKind(rawValue: .init(state.kind.rawValue))
            raw.numbers = UInt64(clamping: numbers)
        }
    }

    private func envelope(of state: ExpertState) throws(WireError) -> Frame {
        try Envelope.pack(as: "Read", medmoe__trainer__read__init) { raw, arena in
            raw.call = place(in: arena)
            raw.layer = UInt32(clamping: state.place.layer)
            raw.expert = UInt32(clamping: state.place.expert)
            raw.tensor = UInt32(clamping: state.tensor)
            raw.kind = Medmoe__Trainer__StateKind(rawValue: .init(state.kind.rawValue))
        }
    }

    private func envelope(of pass: ExpertPass) throws(WireError) -> Frame {
        let width = try pass.width(of: "Forward")
        return try Envelope.pack(as: "Forward", medmoe__trainer__forward__init) { raw, arena in
            raw.call = place(in: arena)
            raw.step = pass.step
            raw.layer = UInt32(clamping: pass.layer)
            raw.width = UInt32(clamping: width)
            raw.n_segments = pass.segments.count
            raw.segments = arena.messages(pass.segments.map(\.message))
        }
    }

    private func envelope(of pass: ExpertPass, needsInput: Bool) throws(WireError) -> Frame {
        let width = try pass.width(of: "Backward")
        return try Envelope.pack(as: "Backward", medmoe__trainer__backward__init) { raw, arena in
            raw.call = place(in: arena)
            raw.step = pass.step
            raw.layer = UInt32(clamping: pass.layer)
            raw.width = UInt32(clamping: width)
            raw.n_segments = pass.segments.count
            raw.segments = arena.messages(pass.segments.map(\.message))
            raw.needs_input = needsInput ? 1 : 0
        }
    }
}

extension ExpertPass {
    /// The width of the rows, when they are those of the segments.
    fileprivate func width(of message: String) throws(WireError) -> Int {
        let reader = FieldReader(message: message)
        guard rows.shape.count == 2 else { throw reader.failure("rows", "have the shape \(rows.shape), expected rows and width") }
        let count = segments.reduce(0) { $0 + $1.rows }
        guard count == rows.shape[0] else { throw reader.failure("segments", "have \(count) rows, but \(rows.shape[0]) are to be sent") }
        return rows.shape[1]
    }
}

extension ExpertPass.Segment {
    fileprivate var message: Medmoe__Trainer__Segment {
        var message = Medmoe__Trainer__Segment()
        medmoe__trainer__segment__init(&message)
        message.expert = UInt32(clamping: expert)
        message.rows = UInt32(clamping: rows)
        return message
    }
}

// MARK: - Trainer to coordinator

extension TrainerHello {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "TrainerHello", medmoe__trainer__hello__init) { raw, arena in
            raw.incarnation = arena.data(incarnation.bytes)
            raw.name = arena.data(name, cutTo: WireLimits.name)
        }
    }
}

extension TrainerBeat {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "TrainerBeat", medmoe__trainer__beat__init) { raw, _ in
            raw.session = session
            raw.accepted = accepted
            raw.answered = answered
        }
    }
}

extension TrainerAnswer {
    fileprivate func encoded() throws(WireError) -> Multipart {
        switch result {
        case .success(let result):
            let envelope = try Envelope.pack(as: "Answer", medmoe__trainer__answer__init) { raw, arena in
                raw.session = session
                raw.number = number
                raw.numbers = UInt64(clamping: result.numbers?.elementCount ?? 0)
                raw.n_sums = result.sums.count
                raw.sums = arena.array(result.sums)
                raw.compute_nanoseconds = result.computeNanoseconds
            }
            guard let numbers = result.numbers else { return try assemble(.answer, envelope) }
            return try assemble(.answer, envelope, showing: numbers, of: "Answer")
        case .failure(let failure):
            return try assemble(
                .failed,
                Envelope.pack(as: "Failed", medmoe__trainer__failed__init) { raw, arena in
                    raw.session = session
                    raw.number = number
                    raw.code = Medmoe__Trainer__FailureCode(rawValue: .init(failure.code.rawValue))
                    raw.reason = arena.data(failure.reason, cutTo: WireLimits.reason)
                })
        }
    }
}
