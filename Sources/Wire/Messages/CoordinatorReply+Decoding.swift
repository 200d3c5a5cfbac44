import CWire

extension CoordinatorReply {
    /// Reads what a coordinator sent to a client. A `Refused` of another version is read too, for its reason.
    public init(decoding message: Multipart) throws(WireError) {
        let type = try message.type(anyVersion: [.refused])
        switch type {
        case .beat:
            try message.expectNothingMore(in: "Beat")
            self = .beat
        case .probe:
            try message.expectNothingMore(in: "Probe")
            self = .probe
        case .tokens: self = .tokens(try Tokens(envelope: message.envelope(of: "Tokens")))
        case .done: self = .done(try Done(message))
        case .refused: self = .refused(try Refusal(envelope: message.envelope(of: "Refused")))
        case .statusReply: self = .status(try StatusReply(envelope: message.envelope(of: "StatusReply")))
        case .assignReply: self = .assigned(try AssignReply(envelope: message.envelope(of: "AssignReply")))
        default: throw .unexpected(type: type.rawValue)
        }
    }
}

extension Tokens {
    fileprivate init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Tokens", with: medmoe__client__tokens__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Tokens")
            guard raw.n_ids == raw.n_texts else {
                throw reader.failure("texts", "are \(raw.n_texts) for \(raw.n_ids) ids")
            }
            let texts = try reader.texts(raw.texts, count: raw.n_texts, "texts", most: WireLimits.envelope)
            return Tokens(
                request: try reader.requestID(raw.request), first: Int(raw.first),
                tokens: zip(UnsafeBufferPointer(start: raw.ids, count: raw.n_ids), texts).map { Token(id: Int($0), text: $1) })
        }
    }
}

extension Refusal {
    fileprivate init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "Refused", with: medmoe__client__refused__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Refused")
            return Refusal(
                request: try reader.text(raw.request, "request", limit: WireLimits.requestID),
                code: try reader.text(raw.code, "code", limit: WireLimits.name),
                reason: try reader.text(raw.reason, "reason", limit: WireLimits.reason),
                retryAfterMilliseconds: raw.retry_after_milliseconds == 0 ? nil : Int(raw.retry_after_milliseconds))
        }
    }
}

extension Done {
    fileprivate init(_ message: Multipart) throws(WireError) {
        let envelope = try message.envelope(of: "Done", payloads: 3...3)
        let (text, ids, routing) = (message.frames[2], message.frames[3], message.frames[4])
        let reader = FieldReader(message: "Done")
        for (frame, name, unit) in [(text, "answer", 1), (ids, "token ids", 4), (routing, "routing", 16)] {
            guard frame.count <= WireLimits.payload else {
                throw .tooLarge(field: "Done \(name)", size: frame.count, limit: WireLimits.payload)
            }
            guard frame.count % unit == 0 else {
                throw reader.failure(name, "has \(frame.count) bytes, which is no multiple of \(unit)")
            }
        }
        guard let answer = text.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw reader.failure("answer", "is not UTF-8")
        }
        self = try Envelope.unpack(envelope, as: "Done", with: medmoe__client__done__unpack) { raw throws(WireError) in
            guard let finish = Finish(rawValue: UInt32(raw.finish.rawValue)) else {
                throw reader.failure("finish", "is \(raw.finish.rawValue), which does not exist")
            }
            let workers = try reader.texts(
                raw.workers, count: raw.n_workers, "workers", most: WireLimits.envelope, limit: WireLimits.name)
            return Done(
                request: try reader.requestID(raw.request), answer: answer, tokenIDs: ids.littleEndianNumbers,
                promptTokens: Int(raw.prompt_tokens), finish: finish,
                modelDigest: try reader.text(raw.model_digest, "model_digest", limit: WireLimits.name),
                routing: try Self.routing(routing.littleEndianNumbers, workers, reader),
                timings: Timings(
                    queue: try reader.finite(raw.queue_milliseconds, "queue_milliseconds"),
                    image: try reader.finite(raw.image_milliseconds, "image_milliseconds"),
                    prefill: try reader.finite(raw.prefill_milliseconds, "prefill_milliseconds"),
                    decode: try reader.finite(raw.decode_milliseconds, "decode_milliseconds")),
                degraded: raw.degraded != 0,
                labels: try reader.messages(raw.labels, count: raw.n_labels, "labels") { label throws(WireError) in
                    // A label that cannot be generated has log p = -infinity: only "not a number" is nonsense.
                    guard !label.log_probability.isNaN else { throw reader.failure("labels.log_probability", "is not a number") }
                    return Label(
                        label: try reader.text(label.label, "labels.label"), logProbability: label.log_probability,
                        tokens: Int(label.tokens))
                })
        }
    }

    private static func routing(_ numbers: [Int], _ workers: [String], _ reader: FieldReader) throws(WireError) -> [Routing] {
        var entries: [Routing] = []
        entries.reserveCapacity(numbers.count / 4)
        for start in stride(from: 0, to: numbers.count, by: 4) {
            guard workers.indices.contains(numbers[start + 2]) else {
                throw reader.failure("routing", "names worker \(numbers[start + 2]) of \(workers.count)")
            }
            entries.append(
                Routing(
                    layer: numbers[start], expert: numbers[start + 1], worker: workers[numbers[start + 2]],
                    tokens: numbers[start + 3]))
        }
        return entries
    }
}

extension Frame {
    /// The bytes as u32 in little-endian order.
    fileprivate var littleEndianNumbers: [Int] {
        withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count & ~3, by: 4).map {
                Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
            }
        }
    }
}
