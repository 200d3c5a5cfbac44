import CWire

extension ClientMessage {
    /// Reads what a client sent.
    public init(decoding message: Multipart) throws(WireError) {
        let type = try message.type()
        switch type {
        case .ask: self = .ask(try Ask(message))
        case .cancel:
            self = .cancel(
                request: try Envelope.unpack(message.envelope(of: "Cancel"), as: "Cancel", with: medmoe__client__cancel__unpack) {
                    raw throws(WireError) in try FieldReader(message: "Cancel").requestID(raw.request)
                })
        case .clientBeat:
            self = .beat(
                requests: try Envelope.unpack(
                    message.envelope(of: "ClientBeat"), as: "ClientBeat", with: medmoe__client__client_beat__unpack
                ) { raw throws(WireError) in
                    try FieldReader(message: "ClientBeat").texts(
                        raw.requests, count: raw.n_requests, "requests", most: WireLimits.beatRequests, limit: WireLimits.requestID)
                })
        case .status:
            self = .status(
                inquiry: try Envelope.unpack(message.envelope(of: "Status"), as: "Status", with: medmoe__client__status__unpack) {
                    raw throws(WireError) in raw.inquiry
                })
        case .assignExperts: self = .assign(try AssignExperts(envelope: message.envelope(of: "AssignExperts")))
        default: throw .unexpected(type: type.rawValue)
        }
    }
}

extension Ask {
    fileprivate init(_ message: Multipart) throws(WireError) {
        let envelope = try message.envelope(of: "Ask", payloads: 0...WireLimits.imageCount)
        let images = ImageFiles(frames: message.frames.dropFirst(2))
        guard images.byteCount <= WireLimits.images else {
            throw .tooLarge(field: "Ask images", size: images.byteCount, limit: WireLimits.images)
        }
        let question = try Envelope.unpack(envelope, as: "Ask", with: medmoe__client__ask__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "Ask")
            guard Int(raw.images) == images.count else {
                throw reader.failure("images", "says \(raw.images), but \(images.count) frames follow")
            }
            return Question(
                request: try reader.requestID(raw.request), task: try Self.task(raw, reader),
                temperature: try reader.finite(raw.temperature, "temperature"),
                topP: try reader.finite(raw.top_p, "top_p"),
                topK: Int(raw.top_k), seed: raw.seed,
                maximumTokens: try reader.number(raw.maximum_tokens, "maximum_tokens", in: 0...Int(Int32.max)),
                stopStrings: try reader.texts(
                    raw.stop_strings, count: raw.n_stop_strings, "stop_strings", most: WireLimits.stopStrings),
                deadlineMilliseconds: try reader.number(
                    raw.deadline_milliseconds, "deadline_milliseconds", in: 1...Int(Int32.max)))
        }
        self.init(question: question, images: images)
    }

    private static func task(_ raw: Medmoe__Client__Ask, _ reader: FieldReader) throws(WireError) -> Task {
        let turns = try reader.messages(raw.turns, count: raw.n_turns, "turns") { turn throws(WireError) in
            let role: Turn.Role
            switch turn.role {
            case MEDMOE__CLIENT__ROLE__ROLE_USER: role = .user
            case MEDMOE__CLIENT__ROLE__ROLE_ASSISTANT: role = .assistant
            default: throw reader.failure("turns.role", "is \(turn.role.rawValue), which does not exist")
            }
            return Turn(role: role, text: try reader.text(turn.text, "turns.text"))
        }
        switch raw.task {
        case MEDMOE__CLIENT__TASK__TASK_CONVERSATION: return .conversation(turns)
        case MEDMOE__CLIENT__TASK__TASK_PROMPT: return .prompt(try reader.text(raw.prompt, "prompt"))
        case MEDMOE__CLIENT__TASK__TASK_CLASSIFY:
            let labels = try reader.texts(raw.labels, count: raw.n_labels, "labels", most: WireLimits.labelCount)
            let size = labels.reduce(0) { $0 + $1.utf8.count }
            guard size <= WireLimits.labelBytes else {
                throw .tooLarge(field: "Ask 'labels'", size: size, limit: WireLimits.labelBytes)
            }
            return .classify(turns, labels: labels)
        default: throw reader.failure("task", "is \(raw.task.rawValue), which does not exist")
        }
    }
}

extension FieldReader {
    /// A number that is not infinite.
    func finite(_ value: Double, _ field: String) throws(WireError) -> Double {
        guard value.isFinite else { throw failure(field, "is not finite") }
        return value
    }
}
