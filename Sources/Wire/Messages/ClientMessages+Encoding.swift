import CWire

extension ClientMessage {
    /// The message as frames.
    ///
    /// - Throws: `WireError` that names the field and its limit when the message does not fit.
    public func encoded() throws(WireError) -> Multipart {
        switch self {
        case .ask(let ask): try ask.encoded()
        case .cancel(let request):
            try assemble(
                .cancel,
                Envelope.pack(as: "Cancel", medmoe__client__cancel__init) { raw, arena in raw.request = arena.data(request) })
        case .beat(let requests):
            try assemble(
                .clientBeat,
                Envelope.pack(as: "ClientBeat", medmoe__client__client_beat__init) { raw, arena in
                    raw.n_requests = requests.count
                    raw.requests = arena.array(requests.map(arena.data))
                })
        case .status(let inquiry):
            try assemble(
                .status, Envelope.pack(as: "Status", medmoe__client__status__init) { raw, _ in raw.inquiry = inquiry })
        case .assign(let assign): try assemble(.assignExperts, assign.envelope())
        }
    }
}

extension Ask {
    fileprivate func encoded() throws(WireError) -> Multipart {
        try check()
        let envelope = try Envelope.pack(as: "Ask", medmoe__client__ask__init) { raw, arena in
            raw.request = arena.data(question.request)
            switch question.task {
            case .conversation(let turns):
                raw.task = MEDMOE__CLIENT__TASK__TASK_CONVERSATION
                Self.fill(&raw, turns, arena)
            case .prompt(let prompt):
                raw.task = MEDMOE__CLIENT__TASK__TASK_PROMPT
                raw.prompt = arena.data(prompt)
            case .classify(let turns, let labels):
                raw.task = MEDMOE__CLIENT__TASK__TASK_CLASSIFY
                Self.fill(&raw, turns, arena)
                raw.n_labels = labels.count
                raw.labels = arena.array(labels.map(arena.data))
            }
            raw.temperature = question.temperature
            raw.top_p = question.topP
            raw.top_k = UInt32(clamping: question.topK)
            raw.seed = question.seed
            raw.maximum_tokens = UInt32(clamping: question.maximumTokens)
            raw.n_stop_strings = question.stopStrings.count
            raw.stop_strings = arena.array(question.stopStrings.map(arena.data))
            raw.deadline_milliseconds = UInt32(clamping: question.deadlineMilliseconds)
            raw.images = UInt32(clamping: images.count)
        }
        return Multipart(frames: [try Frame(ProtocolHeader(.ask).bytes), envelope] + (try images.makeFrames()))
    }

    private static func fill(_ raw: inout Medmoe__Client__Ask, _ turns: [Turn], _ arena: EncodingArena) {
        raw.n_turns = turns.count
        raw.turns = arena.messages(
            turns.map { turn in
                var message = Medmoe__Client__Turn()
                medmoe__client__turn__init(&message)
                message.role = turn.role == .user ? MEDMOE__CLIENT__ROLE__ROLE_USER : MEDMOE__CLIENT__ROLE__ROLE_ASSISTANT
                message.text = arena.data(turn.text)
                return message
            })
    }

    /// What the other side would refuse is refused here, before anything is sent.
    private func check() throws(WireError) {
        let reader = FieldReader(message: "Ask")
        guard !question.request.isEmpty else { throw reader.failure("request", "is empty") }
        try limit("Ask 'request'", question.request.utf8.count, WireLimits.requestID)
        try limit("Ask images count", images.count, WireLimits.imageCount)
        try limit("Ask images", images.byteCount, WireLimits.images)
        try limit("Ask 'stop_strings' count", question.stopStrings.count, WireLimits.stopStrings)
        if case .classify(_, let labels) = question.task {
            try limit("Ask 'labels' count", labels.count, WireLimits.labelCount)
            try limit("Ask 'labels'", labels.reduce(0) { $0 + $1.utf8.count }, WireLimits.labelBytes)
        }
        _ = try reader.finite(question.temperature, "temperature")
        _ = try reader.finite(question.topP, "top_p")
        for (value, field, least) in [
            (question.topK, "top_k", 0), (question.maximumTokens, "maximum_tokens", 0),
            (question.deadlineMilliseconds, "deadline_milliseconds", 1),
        ] {
            guard (least...Int(Int32.max)).contains(value) else {
                throw reader.failure(field, "is \(value), expected \(least) to \(Int32.max)")
            }
        }
    }

    private func limit(_ field: String, _ size: Int, _ limit: Int) throws(WireError) {
        guard size <= limit else { throw .tooLarge(field: field, size: size, limit: limit) }
    }
}
