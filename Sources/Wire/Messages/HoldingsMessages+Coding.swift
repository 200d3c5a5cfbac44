import CWire

// MARK: - Encoding

extension HoldingsChanged {
    func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Holdings", medmoe__expert__holdings__init) { raw, arena in
            raw.epoch = epoch
            raw.version = version
            raw.n_holdings = holdings.count
            raw.holdings = arena.messages(holdings.map { $0.message(in: arena) })
            raw.n_metas = metas.count
            raw.metas = arena.messages(metas.map { $0.message(in: arena) })
        }
    }
}

extension Unready {
    func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Unready", medmoe__expert__unready__init) { raw, arena in
            raw.epoch = epoch
            raw.reason = arena.data(reason, cutTo: WireLimits.reason)
        }
    }
}

extension Forget {
    func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Forget", medmoe__expert__forget__init) { raw, _ in
            raw.epoch = epoch
            raw.tile = tile
            raw.attempt = UInt32(clamping: attempt)
        }
    }
}

extension Assign {
    func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Assign", medmoe__expert__assign__init) { raw, arena in
            raw.epoch = epoch
            raw.assignment = assignment
            raw.n_add = add.count
            raw.add = arena.array(add.map { UInt32(clamping: $0) })
            raw.n_drop = drop.count
            raw.drop = arena.array(drop.map { UInt32(clamping: $0) })
        }
    }
}

extension Assigned {
    func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Assigned", medmoe__expert__assigned__init) { raw, arena in
            raw.epoch = epoch
            raw.assignment = assignment
            raw.done = failure == nil ? 1 : 0
            raw.reason = arena.data(failure ?? "", cutTo: WireLimits.reason)
        }
    }
}

extension Hello.Holding {
    func message(in arena: EncodingArena) -> Medmoe__Expert__Holding {
        var message = Medmoe__Expert__Holding()
        medmoe__expert__holding__init(&message)
        message.layer = UInt32(clamping: layer)
        message.expert = UInt32(clamping: expert)
        message.digest = arena.data(digest.bytes)
        return message
    }
}

extension Hello.MetaHolding {
    func message(in arena: EncodingArena) -> Medmoe__Expert__MetaHolding {
        var message = Medmoe__Expert__MetaHolding()
        medmoe__expert__meta_holding__init(&message)
        message.layer = UInt32(clamping: layer)
        message.digest = arena.data(digest.bytes)
        return message
    }
}

// MARK: - Decoding

extension HoldingsChanged {
    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Holdings", with: medmoe__expert__holdings__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Holdings")
            return HoldingsChanged(
                epoch: raw.epoch, version: raw.version, holdings: try reader.holdings(raw.holdings, count: raw.n_holdings),
                metas: try reader.metas(raw.metas, count: raw.n_metas))
        }
    }
}

extension Unready {
    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Unready", with: medmoe__expert__unready__unpack) { raw throws(WireError) in
            Unready(epoch: raw.epoch, reason: try FieldReader(message: "Unready").text(raw.reason, "reason", limit: WireLimits.reason))
        }
    }
}

extension Forget {
    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Forget", with: medmoe__expert__forget__unpack) { raw throws(WireError) in
            Forget(
                epoch: raw.epoch, tile: raw.tile,
                attempt: try FieldReader(message: "Forget").number(raw.attempt, "attempt", in: 1...Int(Int32.max)))
        }
    }
}

extension Assign {
    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Assign", with: medmoe__expert__assign__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Assign")
            return Assign(
                epoch: raw.epoch, assignment: raw.assignment, add: try reader.indices(raw.add, count: raw.n_add, "add"),
                drop: try reader.indices(raw.drop, count: raw.n_drop, "drop"))
        }
    }
}

extension Assigned {
    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Assigned", with: medmoe__expert__assigned__unpack) { raw throws(WireError) in
            let reason = try FieldReader(message: "Assigned").text(raw.reason, "reason", limit: WireLimits.reason)
            return Assigned(epoch: raw.epoch, assignment: raw.assignment, failure: raw.done != 0 ? nil : reason)
        }
    }
}

extension FieldReader {
    /// Indices of experts.
    func indices(_ first: UnsafeMutablePointer<UInt32>?, count: Int, _ field: String) throws(WireError) -> [Int] {
        guard count <= WireLimits.index else { throw .tooLarge(field: "\(message) '\(field)' count", size: count, limit: WireLimits.index) }
        var indices: [Int] = []
        for index in UnsafeBufferPointer(start: first, count: count) {
            indices.append(try number(index, field, in: 0...WireLimits.index - 1))
        }
        return indices
    }

    func holdings(
        _ first: UnsafeMutablePointer<UnsafeMutablePointer<Medmoe__Expert__Holding>?>?, count: Int
    ) throws(WireError) -> [Hello.Holding] {
        try messages(first, count: count, "holdings") { holding throws(WireError) in
            Hello.Holding(
                layer: try number(holding.layer, "holdings.layer", in: 0...WireLimits.index - 1),
                expert: try number(holding.expert, "holdings.expert", in: 0...WireLimits.index - 1),
                digest: try digest(holding.digest, "holdings.digest"))
        }
    }

    func metas(
        _ first: UnsafeMutablePointer<UnsafeMutablePointer<Medmoe__Expert__MetaHolding>?>?, count: Int
    ) throws(WireError) -> [Hello.MetaHolding] {
        try messages(first, count: count, "metas") { meta throws(WireError) in
            Hello.MetaHolding(
                layer: try number(meta.layer, "metas.layer", in: 0...WireLimits.index - 1),
                digest: try digest(meta.digest, "metas.digest"))
        }
    }
}
