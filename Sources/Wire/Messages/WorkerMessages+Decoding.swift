import CWire

extension WorkerMessage {
    /// Reads what a worker sent.
    public init(decoding message: Multipart) throws(WireError) {
        let type = try message.type()
        switch type {
        case .beat:
            try message.expectNothingMore(in: "Beat")
            self = .beat
        case .hello: self = .hello(try Hello(envelope: message.envelope(of: "Hello")))
        case .tileDone: self = .tileDone(try TileDone(message))
        case .tileFailed: self = .tileFailed(try TileFailed(envelope: message.envelope(of: "TileFailed")))
        case .holdings: self = .holdings(try HoldingsChanged(envelope: message.envelope(of: "Holdings")))
        case .unready: self = .unready(try Unready(envelope: message.envelope(of: "Unready")))
        case .assigned: self = .assigned(try Assigned(envelope: message.envelope(of: "Assigned")))
        case .goodbye: self = .goodbye(reason: try goodbyeReason(message))
        default: throw .unexpected(type: type.rawValue)
        }
    }
}

extension CoordinatorMessage {
    /// Reads what a coordinator sent to a worker. A `Rejected` of another version is read too, for its reason.
    public init(decoding message: Multipart) throws(WireError) {
        let type = try message.type(anyVersion: [.rejected])
        switch type {
        case .beat:
            try message.expectNothingMore(in: "Beat")
            self = .beat
        case .probe:
            try message.expectNothingMore(in: "Probe")
            self = .probe
        case .welcome: self = .welcome(try Welcome(envelope: message.envelope(of: "Welcome")))
        case .rejected: self = .rejected(try Rejection(envelope: message.envelope(of: "Rejected")))
        case .tile: self = .tile(try Tile(message))
        case .forget: self = .forget(try Forget(envelope: message.envelope(of: "Forget")))
        case .assign: self = .assign(try Assign(envelope: message.envelope(of: "Assign")))
        case .goodbye: self = .goodbye(reason: try goodbyeReason(message))
        default: throw .unexpected(type: type.rawValue)
        }
    }
}

func goodbyeReason(_ message: Multipart) throws(WireError) -> String {
    let envelope = try message.envelope(of: "Goodbye")
    return try Envelope.unpack(envelope, as: "Goodbye", with: medmoe__expert__goodbye__unpack) { raw throws(WireError) in
        try FieldReader(message: "Goodbye").text(raw.reason, "reason", limit: WireLimits.reason)
    }
}

extension Hello {
    fileprivate init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Hello", with: medmoe__expert__hello__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Hello")
            guard raw.number == MEDMOE__EXPERT__NUMBER__NUMBER_FLOAT32 else {
                throw reader.failure("number", "is type \(raw.number.rawValue), only float32 is known")
            }
            let name = try reader.text(raw.name, "name", limit: WireLimits.name)
            guard !name.isEmpty else { throw reader.failure("name", "is empty") }
            return Hello(
                incarnation: try reader.incarnation(raw.incarnation, "incarnation"), name: name,
                width: try reader.number(raw.width, "width", in: 1...WireLimits.width),
                holdings: try reader.holdings(raw.holdings, count: raw.n_holdings),
                metas: try reader.metas(raw.metas, count: raw.n_metas), rowsAreIndependent: raw.rows_independent != 0)
        }
    }
}

extension Welcome {
    fileprivate init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Welcome", with: medmoe__expert__welcome__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Welcome")
            return Welcome(
                coordinator: try reader.incarnation(raw.coordinator, "coordinator"), epoch: raw.epoch,
                beatMilliseconds: try reader.number(raw.beat_milliseconds, "beat_milliseconds", in: 10...60_000))
        }
    }
}

extension Rejection {
    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Rejected", with: medmoe__expert__rejected__unpack) { raw throws(WireError) in
            Rejection(
                code: Code(rawValue: UInt32(raw.code.rawValue)) ?? .unknown,
                reason: try FieldReader(message: "Rejected").text(raw.reason, "reason", limit: WireLimits.reason))
        }
    }
}

extension Tile {
    fileprivate init(_ message: Multipart) throws(WireError) {
        let envelope = try message.envelope(of: "Tile", payloads: 1...1)
        self = try Envelope.unpack(envelope, as: "Tile", with: medmoe__expert__tile__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Tile")
            guard raw.number == MEDMOE__EXPERT__NUMBER__NUMBER_FLOAT32 else {
                throw reader.failure("number", "is type \(raw.number.rawValue), only float32 is known")
            }
            let payload = try reader.payload(message.frames[2], rows: raw.rows, width: raw.width)
            guard raw.n_factors == payload.rows else {
                throw reader.failure("factors", "are \(raw.n_factors) for \(payload.rows) rows")
            }
            guard raw.n_meta_factors == 0 || raw.n_meta_factors == payload.rows else {
                throw reader.failure("meta_factors", "are \(raw.n_meta_factors) for \(payload.rows) rows")
            }
            return Tile(
                epoch: raw.epoch, tile: raw.tile,
                attempt: try reader.number(raw.attempt, "attempt", in: 1...Int(Int32.max)),
                layer: try reader.number(raw.layer, "layer", in: 0...WireLimits.index - 1),
                expert: try reader.number(raw.expert, "expert", in: 0...WireLimits.index - 1),
                deadlineMilliseconds: try reader.number(raw.deadline_milliseconds, "deadline_milliseconds", in: 0...Int(Int32.max)),
                factors: try reader.finite(raw.factors, count: raw.n_factors, "factors"),
                metaFactors: raw.n_meta_factors == 0
                    ? nil : try reader.finite(raw.meta_factors, count: raw.n_meta_factors, "meta_factors"),
                metaOnly: raw.meta_only != 0,
                payload: payload)
        }
    }
}

extension TileDone {
    fileprivate init(_ message: Multipart) throws(WireError) {
        let envelope = try message.envelope(of: "TileDone", payloads: 1...1)
        self = try Envelope.unpack(envelope, as: "TileDone", with: medmoe__expert__tile_done__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "TileDone")
            guard raw.number == MEDMOE__EXPERT__NUMBER__NUMBER_FLOAT32 else {
                throw reader.failure("number", "is type \(raw.number.rawValue), only float32 is known")
            }
            let payload = try reader.payload(message.frames[2], rows: raw.rows, width: raw.width)
            return TileDone(
                epoch: raw.epoch, tile: raw.tile,
                attempt: try reader.number(raw.attempt, "attempt", in: 1...Int(Int32.max)),
                expertRows: try reader.number(raw.expert_rows, "expert_rows", in: 0...payload.rows),
                computeNanoseconds: raw.compute_nanoseconds, payload: payload)
        }
    }
}

extension TileFailed {
    fileprivate init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "TileFailed", with: medmoe__expert__tile_failed__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "TileFailed")
            return TileFailed(
                epoch: raw.epoch, tile: raw.tile,
                attempt: try reader.number(raw.attempt, "attempt", in: 1...Int(Int32.max)),
                code: Code(rawValue: UInt32(raw.code.rawValue)) ?? .unknown,
                reason: try reader.text(raw.reason, "reason", limit: WireLimits.reason))
        }
    }
}
