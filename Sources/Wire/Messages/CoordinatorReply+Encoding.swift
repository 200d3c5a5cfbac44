import CWire

extension CoordinatorReply {
    /// The message as frames.
    ///
    /// - Throws: `WireError.tooLarge` when it does not fit the limits.
    public func encoded() throws(WireError) -> Multipart {
        switch self {
        case .beat: try Multipart(.beat)
        case .probe: try Multipart(.probe)
        case .tokens(let tokens): try assemble(.tokens, tokens.envelope())
        case .done(let done): try done.encoded()
        case .refused(let refusal): try assemble(.refused, refusal.envelope())
        case .status(let reply): try assemble(.statusReply, reply.envelope())
        case .assigned(let reply): try assemble(.assignReply, reply.envelope())
        }
    }
}

extension Tokens {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Tokens", medmoe__client__tokens__init) { raw, arena in
            raw.request = arena.data(request)
            raw.first = UInt32(clamping: first)
            raw.n_ids = tokens.count
            raw.ids = arena.array(tokens.map { UInt32(clamping: $0.id) })
            raw.n_texts = tokens.count
            raw.texts = arena.array(tokens.map { arena.data($0.text) })
        }
    }

    /// The same tokens in messages that fit the envelope's limit.
    public var split: [Tokens] {
        var parts: [Tokens] = []
        var part = Tokens(request: request, first: first, tokens: [])
        var size = 0
        for token in tokens {
            let cost = token.text.utf8.count + 16
            if !part.tokens.isEmpty, size + cost > WireLimits.envelope / 2 {
                parts.append(part)
                part = Tokens(request: request, first: part.first + part.tokens.count, tokens: [])
                size = 0
            }
            part.tokens.append(token)
            size += cost
        }
        return part.tokens.isEmpty ? parts : parts + [part]
    }
}

extension Refusal {
    fileprivate func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "Refused", medmoe__client__refused__init) { raw, arena in
            raw.request = arena.data(request, cutTo: WireLimits.requestID)
            raw.code = arena.data(code, cutTo: WireLimits.name)
            raw.reason = arena.data(reason, cutTo: WireLimits.reason)
            raw.retry_after_milliseconds = UInt32(clamping: retryAfterMilliseconds ?? 0)
        }
    }
}

extension Done {
    fileprivate func encoded() throws(WireError) -> Multipart {
        var workers: [String] = []
        var indices: [String: Int] = [:]
        var numbers: [UInt32] = []
        for entry in routing {
            let index = indices[entry.worker] ?? workers.count
            if index == workers.count {
                workers.append(entry.worker)
                indices[entry.worker] = index
            }
            numbers += [entry.layer, entry.expert, index, entry.tokens].map { UInt32(clamping: $0) }
        }
        let frames = [
            try Frame(ProtocolHeader(.done).bytes), try envelope(workers: workers), try Frame(Array(answer.utf8)),
            try Frame(tokenIDs.flatMap { UInt32(clamping: $0).littleEndianBytes }),
            try Frame(numbers.flatMap(\.littleEndianBytes)),
        ]
        for frame in frames.dropFirst(2) where frame.count > WireLimits.payload {
            throw .tooLarge(field: "Done payload", size: frame.count, limit: WireLimits.payload)
        }
        return Multipart(frames: frames)
    }

    private func envelope(workers: [String]) throws(WireError) -> Frame {
        try Envelope.pack(as: "Done", medmoe__client__done__init) { raw, arena in
            raw.request = arena.data(request)
            raw.prompt_tokens = UInt32(clamping: promptTokens)
            raw.finish = Medmoe__Client__Finish(rawValue: .init(finish.rawValue))
            raw.model_digest = arena.data(modelDigest)
            raw.n_workers = workers.count
            raw.workers = arena.array(workers.map(arena.data))
            raw.queue_milliseconds = timings.queue
            raw.image_milliseconds = timings.image
            raw.prefill_milliseconds = timings.prefill
            raw.decode_milliseconds = timings.decode
            raw.degraded = degraded ? 1 : 0
            raw.n_labels = labels.count
            raw.labels = arena.messages(
                labels.map { label in
                    var message = Medmoe__Client__LabelScore()
                    medmoe__client__label_score__init(&message)
                    message.label = arena.data(label.label)
                    message.log_probability = label.logProbability
                    message.tokens = UInt32(clamping: label.tokens)
                    return message
                })
        }
    }
}

extension UInt32 {
    fileprivate var littleEndianBytes: [UInt8] {
        [UInt8(truncatingIfNeeded: self), UInt8(truncatingIfNeeded: self >> 8), UInt8(truncatingIfNeeded: self >> 16),
            UInt8(truncatingIfNeeded: self >> 24)]
    }
}
