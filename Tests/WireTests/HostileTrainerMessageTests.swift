import CProtobufC
import CWire
import Tensors
import Testing

@testable import Wire

@Suite struct HostileTrainerMessageTests {
    private func refusal(of message: Multipart) -> String? {
        do throws(WireError) {
            _ = try MessageToTrainer(decoding: message)
            return nil
        } catch {
            return error.description
        }
    }

    private func refusal(ofAnswer message: Multipart) -> String? {
        do throws(WireError) {
            _ = try TrainerMessage(decoding: message)
            return nil
        } catch {
            return error.description
        }
    }

    private func check(_ wrong: [(String, Multipart)], _ refusal: (Multipart) -> String?) throws {
        for (field, message) in wrong {
            let text = try #require(refusal(message), "a wrong \(field) was taken")
            #expect(text.contains(field), "\(text) does not name \(field)")
        }
    }

    private func place(
        _ arena: EncodingArena, session: UInt64 = 9, number: UInt64 = 3, acknowledged: UInt64 = 2
    ) -> UnsafeMutablePointer<Medmoe__Trainer__Call>? {
        var place = Medmoe__Trainer__Call()
        medmoe__trainer__call__init(&place)
        (place.session, place.number, place.acknowledged) = (session, number, acknowledged)
        return arena.array([place])
    }

    private func zeros(_ sizes: [Int]) throws -> [Frame] { try sizes.map { try Frame([UInt8](repeating: 0, count: $0)) } }

    private func open(
        experts: [(UInt32, UInt32)] = [(0, 1), (2, 0)], _ change: (inout Medmoe__Trainer__Open, EncodingArena) -> Void = { _, _ in }
    ) throws -> Multipart {
        let envelope = try Envelope.pack(as: "Open", medmoe__trainer__open__init) { raw, arena in
            raw.call = place(arena)
            (raw.network, raw.hidden, raw.inner) = (MEDMOE__TRAINER__NETWORK__NETWORK_GATED, 8, 16)
            raw.n_experts = experts.count
            raw.experts = arena.messages(
                experts.map { layer, expert in
                    var place = Medmoe__Trainer__Place()
                    medmoe__trainer__place__init(&place)
                    (place.layer, place.expert) = (layer, expert)
                    return place
                })
            (raw.beta1, raw.beta2, raw.epsilon, raw.decay) = (0.9, 0.99, 1e-8, 0)
            change(&raw, arena)
        }
        return try assemble(.open, envelope)
    }

    private func load(
        payload: [Int] = [24], _ change: (inout Medmoe__Trainer__Load, EncodingArena) -> Void = { _, _ in }
    ) throws -> Multipart {
        let envelope = try Envelope.pack(as: "Load", medmoe__trainer__load__init) { raw, arena in
            raw.call = place(arena)
            (raw.layer, raw.expert, raw.tensor, raw.kind, raw.numbers) = (1, 2, 0, MEDMOE__TRAINER__STATE_KIND__STATE_VALUE, 6)
            change(&raw, arena)
        }
        var message = try assemble(.load, envelope)
        message.frames += try zeros(payload)
        return message
    }

    private func forward(
        segments: [(UInt32, UInt32)] = [(0, 2), (3, 1)], payload: [Int] = [3 * 8 * 4],
        _ change: (inout Medmoe__Trainer__Forward, EncodingArena) -> Void = { _, _ in }
    ) throws -> Multipart {
        let envelope = try Envelope.pack(as: "Forward", medmoe__trainer__forward__init) { raw, arena in
            raw.call = place(arena)
            (raw.step, raw.layer, raw.width) = (1, 2, 8)
            raw.n_segments = segments.count
            raw.segments = arena.messages(
                segments.map { expert, rows in
                    var segment = Medmoe__Trainer__Segment()
                    medmoe__trainer__segment__init(&segment)
                    (segment.expert, segment.rows) = (expert, rows)
                    return segment
                })
            change(&raw, arena)
        }
        var message = try assemble(.forward, envelope)
        message.frames += try zeros(payload)
        return message
    }

    private func answer(
        payload: [Int] = [24], _ change: (inout Medmoe__Trainer__Answer, EncodingArena) -> Void = { _, _ in }
    ) throws -> Multipart {
        let envelope = try Envelope.pack(as: "Answer", medmoe__trainer__answer__init) { raw, arena in
            (raw.session, raw.number, raw.numbers) = (1, 2, 6)
            change(&raw, arena)
        }
        var message = try assemble(.answer, envelope)
        message.frames += try zeros(payload)
        return message
    }

    @Test func theFieldsOfACallsPlaceAreChecked() throws {
        func norm(_ place: (EncodingArena) -> UnsafeMutablePointer<Medmoe__Trainer__Call>?) throws -> Multipart {
            try assemble(.norm, Envelope.pack(as: "Norm", medmoe__trainer__norm__init) { raw, arena in raw.call = place(arena) })
        }
        #expect(refusal(of: try norm { place($0) }) == nil)
        #expect(refusal(of: try norm { place($0, number: 1, acknowledged: 0) }) == nil)
        try check(
            [
                ("call", try norm { _ in nil }),
                ("session", try norm { place($0, session: 0) }),
                ("number", try norm { place($0, number: 0, acknowledged: 0) }),
                ("acknowledged", try norm { place($0, number: 3, acknowledged: 3) }),
                ("acknowledged", try norm { place($0, number: 3, acknowledged: .max) }),
            ], refusal(of:))
        try check([("call", try open { raw, _ in raw.call = nil }), ("call", try load { raw, _ in raw.call = nil })], refusal(of:))
        try check([("call", try forward { raw, _ in raw.call = nil })], refusal(of:))
    }

    @Test func everyFieldOfAnOpenIsChecked() throws {
        #expect(refusal(of: try open()) == nil)
        var wrong: [(String, Multipart)] = [
            ("network", try open { raw, _ in raw.network = MEDMOE__TRAINER__NETWORK__NETWORK_UNKNOWN }),
            ("network", try open { raw, _ in raw.network = Medmoe__Trainer__Network(rawValue: 77) }),
            ("hidden", try open { raw, _ in raw.hidden = 0 }),
            ("hidden", try open { raw, _ in raw.hidden = 1 << 18 + 1 }),
            ("inner", try open { raw, _ in raw.inner = 0 }),
            ("inner", try open { raw, _ in raw.inner = .max }),
            ("experts.layer", try open(experts: [(4096, 0)])),
            ("experts.expert", try open(experts: [(0, .max)])),
            ("experts", try open(experts: [(0, 1), (0, 1)])),
            ("experts", try open(experts: [(1, 0), (0, 1)])),
        ]
        for odd in [Float.nan, .infinity, -.infinity] {
            wrong.append(("beta1", try open { raw, _ in raw.beta1 = odd }))
            wrong.append(("beta2", try open { raw, _ in raw.beta2 = odd }))
            wrong.append(("epsilon", try open { raw, _ in raw.epsilon = odd }))
            wrong.append(("decay", try open { raw, _ in raw.decay = odd }))
        }
        try check(wrong, refusal(of:))
    }

    @Test func everyFieldOfALoadAndAReadIsChecked() throws {
        #expect(refusal(of: try load()) == nil)
        try check(
            [
                ("layer", try load { raw, _ in raw.layer = 4096 }),
                ("expert", try load { raw, _ in raw.expert = .max }),
                ("tensor", try load { raw, _ in raw.tensor = 4096 }),
                ("kind", try load { raw, _ in raw.kind = MEDMOE__TRAINER__STATE_KIND__STATE_UNKNOWN }),
                ("kind", try load { raw, _ in raw.kind = Medmoe__Trainer__StateKind(rawValue: 4) }),
            ], refusal(of:))
        func read(_ change: (inout Medmoe__Trainer__Read) -> Void) throws -> Multipart {
            try assemble(
                .read,
                Envelope.pack(as: "Read", medmoe__trainer__read__init) { raw, arena in
                    raw.call = place(arena)
                    raw.kind = MEDMOE__TRAINER__STATE_KIND__STATE_MEAN
                    change(&raw)
                })
        }
        #expect(refusal(of: try read { _ in }) == nil)
        try check(
            [
                ("layer", try read { $0.layer = 4096 }), ("expert", try read { $0.expert = 4096 }), ("tensor", try read { $0.tensor = .max }),
                ("kind", try read { $0.kind = Medmoe__Trainer__StateKind(rawValue: .max) }),
            ], refusal(of:))
    }

    @Test func everyFieldOfAPassIsChecked() throws {
        #expect(refusal(of: try forward()) == nil)
        try check(
            [
                ("layer", try forward { raw, _ in raw.layer = 4096 }),
                ("width", try forward { raw, _ in raw.width = 0 }),
                ("width", try forward { raw, _ in raw.width = .max }),
                ("segments.expert", try forward(segments: [(0, 2), (4096, 1)])),
                ("segments.rows", try forward(segments: [(0, 3), (1, 0)])),
                ("segments.rows", try forward(segments: [(0, .max)])),
                ("segments", try forward(segments: [(0, 2), (0, 1)])),
                ("segments", try forward(segments: [(3, 2), (0, 1)])),
                ("payload", try forward(segments: [(0, 2)])),
                ("payload", try forward(segments: [])),
                ("payload", try forward { raw, _ in raw.width = 9 }),
            ], refusal(of:))
        // The product of these is beyond any integer of 32 bits, and their sum beyond what may be sent.
        let most = UInt32(WireLimits.trainingNumbers)
        let vast = try forward(segments: (0..<4096).map { ($0, most) }) { raw, _ in raw.width = 1 << 18 }
        #expect(refusal(of: vast)?.contains("numbers") == true)
    }

    @Test func scaleAndRateMustBeFinite() throws {
        func update(scale: Float, rate: Float) throws -> Multipart {
            try MessageToTrainer.call(
                NumberedCall(session: 1, number: 1, acknowledged: 0, call: .update(step: 1, scale: scale, rate: rate))
            ).encoded()
        }
        #expect(refusal(of: try update(scale: 1, rate: 0)) == nil)
        try check(
            [
                ("scale", try update(scale: .nan, rate: 1)), ("scale", try update(scale: .infinity, rate: 1)),
                ("rate", try update(scale: 1, rate: .nan)), ("rate", try update(scale: 1, rate: -.infinity)),
            ], refusal(of:))
    }

    @Test func everyFieldOfAnAnswerIsChecked() throws {
        #expect(refusal(ofAnswer: try answer()) == nil)
        try check(
            [
                ("session", try answer { raw, _ in raw.session = 0 }),
                ("number", try answer { raw, _ in raw.number = 0 }),
                ("numbers", try answer { raw, _ in raw.numbers = .max }),
                ("numbers", try answer { raw, _ in raw.numbers = 1 << 62 }),
                ("numbers", try answer { raw, _ in raw.numbers = UInt64(WireLimits.trainingNumbers) + 1 }),
            ], refusal(ofAnswer:))
        func failed(_ change: (inout Medmoe__Trainer__Failed, EncodingArena) -> Void) throws -> Multipart {
            try assemble(
                .failed,
                Envelope.pack(as: "Failed", medmoe__trainer__failed__init) { raw, arena in
                    (raw.session, raw.number) = (1, 2)
                    change(&raw, arena)
                })
        }
        #expect(refusal(ofAnswer: try failed { _, _ in }) == nil)
        try check(
            [
                ("session", try failed { raw, _ in raw.session = 0 }), ("number", try failed { raw, _ in raw.number = 0 }),
                ("reason", try failed { raw, arena in raw.reason = arena.data([0xFF]) }),
                ("reason", try failed { raw, arena in raw.reason = arena.data(String(repeating: "x", count: WireLimits.reason + 1)) }),
            ], refusal(ofAnswer:))
        // Codes of a later release are read as unknown.
        let later = try failed { raw, _ in raw.code = Medmoe__Trainer__FailureCode(rawValue: 1000) }
        guard case .answer(let read) = try TrainerMessage(decoding: later), case .failure(let failure) = read.result else {
            Issue.record("no Failed")
            return
        }
        #expect(failure.code == .unknown)
    }

    @Test func helloAndBeatOfATrainerAreChecked() throws {
        func hello(_ change: (inout Medmoe__Trainer__Hello, EncodingArena) -> Void) throws -> Multipart {
            try assemble(
                .trainerHello,
                Envelope.pack(as: "TrainerHello", medmoe__trainer__hello__init) { raw, arena in
                    raw.incarnation = arena.data([UInt8](repeating: 1, count: 16))
                    raw.name = arena.data("t")
                    change(&raw, arena)
                })
        }
        #expect(refusal(ofAnswer: try hello { _, _ in }) == nil)
        try check(
            [
                ("name", try hello { raw, arena in raw.name = arena.data([0xFF, 0xFE]) }),
                ("name", try hello { raw, arena in raw.name = arena.data("") }),
                ("name", try hello { raw, arena in raw.name = arena.data(String(repeating: "x", count: 129)) }),
                ("incarnation", try hello { raw, arena in raw.incarnation = arena.data([1, 2, 3]) }),
            ], refusal(ofAnswer:))
        let beat = try TrainerMessage.beat(TrainerBeat(session: 1, accepted: 2, answered: 3)).encoded()
        try check([("answered", beat)], refusal(ofAnswer:))
    }

    /// The frames must be those, and no others, that the count in the envelope makes.
    @Test func payloadsMustBeWhatTheEnvelopeAnnounces() throws {
        let full = WireLimits.payload
        func announcing(_ numbers: Int, _ sizes: [Int]) throws -> Multipart {
            try load(payload: sizes) { raw, _ in raw.numbers = UInt64(numbers) }
        }
        for (numbers, sizes) in [
            (0, []), (1, [4]), (full / 4, [full]), (full / 4 + 1, [full, 4]), (full / 2, [full, full]), (full / 2 + 1, [full, full, 4]),
        ] {
            #expect(refusal(of: try announcing(numbers, sizes)) == nil, "\(numbers) numbers in \(sizes)")
        }
        for (numbers, sizes) in [
            (0, [0]), (0, [4]), (1, []), (1, [3]), (1, [5]), (1, [4, 0]), (2, [4, 4]), (full / 4, [full, 0]), (full / 4, [full - 4, 4]),
            (full / 4, [full / 2, full / 2]), (full / 4 + 1, [full + 4]), (full / 4 + 1, [4, full]), (full / 4 + 1, [full]),
            (full / 2, [full - 4, full + 4]), (full / 2, [full]), (full / 2 - 1, [full, full]), (1 << 27, [4]),
        ] {
            let text = try #require(refusal(of: try announcing(numbers, sizes)), "\(numbers) numbers were taken from \(sizes)")
            #expect(text.contains("payload"))
        }
        let flood = try announcing(WireLimits.trainingNumbers, [Int](repeating: 0, count: WireLimits.trainingFrames + 1))
        #expect(refusal(of: flood)?.contains("frames") == true)
        let announced = try load(payload: [4]) { raw, _ in raw.numbers = .max }
        #expect(refusal(of: announced)?.contains("numbers") == true)
    }

    @Test func framesOfMessagesWithoutNumbersAreCounted() throws {
        for honest in try Self.honest() {
            let refused: (Multipart) -> Bool = { refusal(of: $0) != nil && refusal(ofAnswer: $0) != nil }
            #expect(!refused(honest))
            var message = honest
            message.frames.append(try Frame([1, 2, 3, 4]))
            #expect(refused(message))
            if honest.frames.count > 1 {
                #expect(refused(Multipart(frames: Array(honest.frames.dropLast()))))
            }
            #expect(refused(Multipart(frames: [])))
        }
    }

    @Test func envelopesThatAreCutOffOrTooLargeAreRefused() throws {
        for honest in try Self.honest() where honest.frames.count > 1 {
            let envelope = honest.frames[1].bytes
            var taken = 0
            for length in 0..<envelope.count {
                var message = honest
                message.frames[1] = try Frame(Array(envelope.prefix(length)))
                // A cut between two fields leaves a message that may be complete: nine of Open, which has the most.
                if refusal(of: message) == nil || refusal(ofAnswer: message) == nil { taken += 1 }
            }
            #expect(taken <= 9)
            var message = honest
            message.frames[1] = try Frame([UInt8](repeating: 0, count: WireLimits.envelope + 1))
            #expect(refusal(of: message) != nil && refusal(ofAnswer: message) != nil)
        }
    }

    /// 32 768 empty places or segments in 64 KiB would become megabytes of structs.
    @Test func floodsOfEmptyFieldsHitTheBudget() throws {
        for type in [MessageType.open, .forward, .backward] {
            let flood = [UInt8]((0..<32_768).flatMap { _ in [0x2A, 0x00] as [UInt8] })
            #expect(refusal(of: try assemble(type, Frame(flood)))?.contains("too many fields") == true)
        }
    }

    @Test func messagesOfOtherDirectionsAndProtocolsAreRefused() throws {
        let open = try open()
        #expect(throws: WireError.unexpected(type: 0x32)) { try TrainerMessage(decoding: open) }
        #expect(throws: WireError.unexpected(type: 0x32)) { try WorkerMessage(decoding: open) }
        #expect(throws: WireError.unexpected(type: 0x32)) { try CoordinatorMessage(decoding: open) }
        #expect(throws: WireError.unexpected(type: 0x32)) { try ClientMessage(decoding: open) }
        let answer = try answer()
        #expect(throws: WireError.unexpected(type: 0x39)) { try MessageToTrainer(decoding: answer) }
        let welcome = try CoordinatorMessage.welcome(.init(coordinator: .random(), epoch: 1, beatMilliseconds: 1000)).encoded()
        #expect(throws: WireError.unexpected(type: 0x11)) { try MessageToTrainer(decoding: welcome) }
        #expect(throws: WireError.unexpected(type: 0x11)) { try TrainerMessage(decoding: welcome) }
    }

    /// One of each kind that has an envelope, and a Beat.
    private static func honest() throws -> [Multipart] {
        let state = ExpertState(.init(layer: 1, expert: 2), tensor: 1, kind: .mean)
        let pass = ExpertPass(
            step: 5, layer: 2, segments: [.init(expert: 0, rows: 1), .init(expert: 3, rows: 2)], rows: try matrix(3, 8))
        let calls: [TrainerCall] = [
            .open(TrainerMessageTests.opened), .load(state, values: try matrix(2, 3)), .read(state), .forward(pass),
            .backward(pass, needsInput: true), .norm(step: 6), .update(step: 6, scale: 1, rate: 0.5),
        ]
        var messages = try calls.map {
            try MessageToTrainer.call(NumberedCall(session: 77, number: 12, acknowledged: 3, call: $0)).encoded()
        }
        messages.append(try MessageToTrainer.beat.encoded())
        messages.append(try MessageToTrainer.rejected(Rejection(code: .helloFirst, reason: "hello?")).encoded())
        messages.append(try TrainerMessage.goodbye(reason: "out").encoded())
        messages.append(try TrainerMessage.hello(TrainerHello(incarnation: .random(), name: "t")).encoded())
        messages.append(try TrainerMessage.beat(TrainerBeat(session: 77, accepted: 12, answered: 11)).encoded())
        let result = TrainerResult(numbers: try matrix(1, 6), sums: [1, 2], computeNanoseconds: 4)
        messages.append(try TrainerMessage.answer(TrainerAnswer(session: 77, number: 12, result: .success(result))).encoded())
        let failure = TrainerFailure(.compute, "no")
        messages.append(try TrainerMessage.answer(TrainerAnswer(session: 77, number: 12, result: .failure(failure))).encoded())
        return messages
    }

    /// Seeded noise on honest messages: any outcome but a crash, a hang or a wrong size is fine.
    @Test func mutatedMessagesAreReadOrRefused() throws {
        var generator = Seeded(state: 11)
        let honest = try Self.honest()
        var read = 0
        let rounds = 20_000
        for round in 0..<rounds {
            var message = honest[round % honest.count]
            try message.damage(using: &generator)
            if try isTaken(message) { read += 1 }
        }
        // Some noise only changes a number; most of it breaks the message.
        #expect(read > 0 && read < rounds / 2)
    }

    /// Envelopes and payloads of nothing but noise, behind an honest header.
    @Test func noiseIsReadOrRefused() throws {
        let types: [MessageType] = [
            .trainerHello, .trainerBeat, .open, .load, .read, .forward, .backward, .norm, .update, .answer, .failed, .goodbye, .rejected,
        ]
        for seed in 0..<200 as Range<UInt64> {
            var generator = Seeded(state: seed)
            for type in types {
                let frames = try (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                    try Frame((0..<Int.random(in: 0...64, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) })
                }
                _ = try isTaken(Multipart(frames: [try Frame(ProtocolHeader(type).bytes)] + frames))
            }
        }
    }

    /// Whether either side reads the message; rows and numbers that were read have the size that they say.
    private func isTaken(_ message: Multipart) throws -> Bool {
        var taken = false
        let order = try? MessageToTrainer(decoding: message)
        taken = order != nil
        if case .call(let call) = order {
            #expect(call.session != 0 && call.acknowledged < call.number)
            switch call.call {
            case .forward(let pass), .backward(let pass, _):
                #expect(pass.rows.shape[0] == pass.segments.reduce(0) { $0 + $1.rows })
                #expect(pass.rows.byteCount == message.frames.dropFirst(2).reduce(0) { $0 + $1.count })
            case .load(_, let values): #expect(values.byteCount == message.frames.dropFirst(2).reduce(0) { $0 + $1.count })
            default: #expect(message.frames.count == 2)
            }
        }
        if let answer = try? TrainerMessage(decoding: message) {
            taken = true
            if case .answer(let answer) = answer, case .success(let result) = answer.result {
                #expect((result.numbers?.byteCount ?? 0) == message.frames.dropFirst(2).reduce(0) { $0 + $1.count })
            }
        }
        return taken
    }
}
