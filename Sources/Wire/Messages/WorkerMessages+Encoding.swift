import CWire

extension WorkerMessage {
    /// The message as frames.
    ///
    /// - Throws: `WireError.tooLarge` when it does not fit the limits.
    public func encoded() throws(WireError) -> Multipart {
        switch self {
        case .hello(let hello): try assemble(.hello, hello.envelope())
        case .beat: try Multipart(.beat)
        case .tileDone(let done): try assemble(.tileDone, done.envelope(), done.payload.frame())
        case .tileFailed(let failed): try assemble(.tileFailed, failed.envelope())
        case .holdings(let holdings): try assemble(.holdings, holdings.envelope())
        case .unready(let unready): try assemble(.unready, unready.envelope())
        case .assigned(let assigned): try assemble(.assigned, assigned.envelope())
        case .goodbye(let reason): try assemble(.goodbye, goodbyeEnvelope(reason))
        }
    }
}

extension CoordinatorMessage {
    /// The message as frames.
    ///
    /// - Throws: `WireError.tooLarge` when it does not fit the limits.
    public func encoded() throws(WireError) -> Multipart {
        switch self {
        case .welcome(let welcome): try assemble(.welcome, welcome.envelope())
        case .rejected(let rejection): try assemble(.rejected, rejection.envelope())
        case .beat: try Multipart(.beat)
        case .probe: try Multipart(.probe)
        case .tile(let tile): try assemble(.tile, tile.envelope(), tile.payload.frame())
        case .forget(let forget): try assemble(.forget, forget.envelope())
        case .assign(let assign): try assemble(.assign, assign.envelope())
        case .goodbye(let reason): try assemble(.goodbye, goodbyeEnvelope(reason))
        }
    }
}

func assemble(_ type: MessageType, _ frames: Frame...) throws(WireError) -> Multipart {
    Multipart(frames: [try Frame(ProtocolHeader(type).bytes)] + frames)
}

func goodbyeEnvelope(_ reason: String) throws(WireError) -> Frame {
    try Envelope.pack(as: "Goodbye", medmoe__expert__goodbye__init) { raw, arena in
        raw.reason = arena.data(reason, cutTo: WireLimits.reason)
    }
}

extension Hello {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Hello", medmoe__expert__hello__init) { raw, arena in
            raw.incarnation = arena.data(incarnation.bytes)
            raw.name = arena.data(name, cutTo: WireLimits.name)
            raw.width = UInt32(clamping: width)
            raw.number = MEDMOE__EXPERT__NUMBER__NUMBER_FLOAT32
            raw.n_holdings = holdings.count
            raw.holdings = arena.messages(holdings.map { $0.message(in: arena) })
            raw.n_metas = metas.count
            raw.metas = arena.messages(metas.map { $0.message(in: arena) })
            raw.rows_independent = rowsAreIndependent ? 1 : 0
        }
    }
}

extension Welcome {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Welcome", medmoe__expert__welcome__init) { raw, arena in
            raw.coordinator = arena.data(coordinator.bytes)
            raw.epoch = epoch
            raw.beat_milliseconds = UInt32(clamping: beatMilliseconds)
        }
    }
}

extension Rejection {
    func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Rejected", medmoe__expert__rejected__init) { raw, arena in
            raw.code = Medmoe__Expert__RejectionCode(rawValue: .init(code.rawValue))
            raw.reason = arena.data(reason, cutTo: WireLimits.reason)
        }
    }
}

extension Tile {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Tile", medmoe__expert__tile__init) { raw, arena in
            raw.epoch = epoch
            raw.tile = tile
            raw.attempt = UInt32(clamping: attempt)
            raw.layer = UInt32(clamping: layer)
            raw.expert = UInt32(clamping: expert)
            raw.rows = UInt32(clamping: payload.rows)
            raw.width = UInt32(clamping: payload.width)
            raw.number = MEDMOE__EXPERT__NUMBER__NUMBER_FLOAT32
            raw.deadline_milliseconds = UInt32(clamping: deadlineMilliseconds)
            raw.n_factors = factors.count
            raw.factors = arena.array(factors)
            raw.n_meta_factors = metaFactors?.count ?? 0
            raw.meta_factors = arena.array(metaFactors ?? [])
            raw.meta_only = metaOnly ? 1 : 0
        }
    }
}

extension TileDone {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "TileDone", medmoe__expert__tile_done__init) { raw, arena in
            raw.epoch = epoch
            raw.tile = tile
            raw.attempt = UInt32(clamping: attempt)
            raw.rows = UInt32(clamping: payload.rows)
            raw.width = UInt32(clamping: payload.width)
            raw.number = MEDMOE__EXPERT__NUMBER__NUMBER_FLOAT32
            raw.expert_rows = UInt32(clamping: expertRows)
            raw.compute_nanoseconds = computeNanoseconds
        }
    }
}

extension TileFailed {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "TileFailed", medmoe__expert__tile_failed__init) { raw, arena in
            raw.epoch = epoch
            raw.tile = tile
            raw.attempt = UInt32(clamping: attempt)
            raw.code = Medmoe__Expert__TileFailure(rawValue: .init(code.rawValue))
            raw.reason = arena.data(reason, cutTo: WireLimits.reason)
        }
    }
}
