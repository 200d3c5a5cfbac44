import Tensors
import Testing

@testable import Wire

@Suite struct TrainerMessageTests {
    static let opened = OpenedExperts(
        network: .twoLayers, hidden: 2560, inner: 1 << 18,
        experts: [.init(layer: 0, expert: 4095), .init(layer: 2, expert: 0), .init(layer: 2, expert: 3), .init(layer: 4095, expert: 1)],
        beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01, steps: 1 << 40)

    private func arrived(_ call: TrainerCall) throws -> TrainerCall {
        let sent = NumberedCall(session: .max, number: 1 << 40, acknowledged: (1 << 40) - 1, call: call)
        guard case .call(let read) = try MessageToTrainer(decoding: transmitted(MessageToTrainer.call(sent).encoded())) else {
            throw Unexpected()
        }
        #expect(read.session == sent.session && read.number == sent.number && read.acknowledged == sent.acknowledged)
        return read.call
    }

    private func arrived(_ answer: TrainerAnswer) throws -> TrainerAnswer {
        guard case .answer(let read) = try TrainerMessage(decoding: transmitted(TrainerMessage.answer(answer).encoded())) else {
            throw Unexpected()
        }
        #expect(read.session == answer.session && read.number == answer.number)
        return read
    }

    private struct Unexpected: Error {}

    /// Of large arrays, `#expect` would look for the difference for minutes.
    private func hasSameBytes(_ a: Tensor, _ b: Tensor) -> Bool { bytes(of: a) == bytes(of: b) }

    @Test func numbersOfMessagesAreTheWires() {
        let types: [MessageType] = [
            .trainerHello, .trainerBeat, .open, .load, .read, .forward, .backward, .norm, .update, .answer, .failed,
        ]
        #expect(types.map(\.rawValue) == Array(0x30...0x3A))
    }

    @Test func helloAndBeatsCross() throws {
        let hello = TrainerHello(incarnation: .random(), name: "träiner 1")
        guard case .hello(let read) = try TrainerMessage(decoding: transmitted(TrainerMessage.hello(hello).encoded())) else {
            Issue.record("no Hello")
            return
        }
        #expect(read == hello)
        for beat in [TrainerBeat(session: 0, accepted: 0, answered: 0), TrainerBeat(session: .max, accepted: .max, answered: .max - 1)] {
            guard case .beat(let read) = try TrainerMessage(decoding: transmitted(TrainerMessage.beat(beat).encoded())) else {
                Issue.record("no Beat")
                return
            }
            #expect(read == beat)
        }
        let beat = try MessageToTrainer.beat.encoded()
        #expect(beat.byteCount == 8)
        guard case .beat = try MessageToTrainer(decoding: transmitted(beat)) else {
            Issue.record("no Beat")
            return
        }
    }

    @Test func goodbyesCrossInBothDirections() throws {
        guard case .goodbye("over") = try MessageToTrainer(decoding: transmitted(MessageToTrainer.goodbye(reason: "over").encoded())),
            case .goodbye("out") = try TrainerMessage(decoding: transmitted(TrainerMessage.goodbye(reason: "out").encoded()))
        else {
            Issue.record("no Goodbye")
            return
        }
    }

    @Test func rejectionsOfAnotherVersionAreRead() throws {
        let rejection = Rejection(code: .protocolVersion, reason: "speak 9")
        var message = try transmitted(MessageToTrainer.rejected(rejection).encoded())
        message.frames[0] = try Frame(ProtocolHeader(.rejected, version: 9).bytes)
        guard case .rejected(let read) = try MessageToTrainer(decoding: message) else {
            Issue.record("no Rejected")
            return
        }
        #expect(read == rejection)
        var hello = try TrainerMessage.hello(TrainerHello(incarnation: .random(), name: "t")).encoded()
        hello.frames[0] = try Frame(ProtocolHeader(.trainerHello, version: 9).bytes)
        #expect(throws: WireError.version(theirs: 9)) { try TrainerMessage(decoding: hello) }
    }

    @Test func openCrosses() throws {
        guard case .open(let read) = try arrived(.open(Self.opened)) else {
            Issue.record("no Open")
            return
        }
        #expect(read == Self.opened)
        var bare = Self.opened
        (bare.network, bare.experts, bare.steps) = (.gated, [], 0)
        guard case .open(let again) = try arrived(.open(bare)) else {
            Issue.record("no Open")
            return
        }
        #expect(again == bare)
    }

    @Test func loadAndReadNameOneTensorOfTheState() throws {
        for kind in ExpertState.Kind.allCases {
            let state = ExpertState(.init(layer: 4095, expert: 2), tensor: 3, kind: kind)
            let values = try matrix(3, 5)
            guard case .load(let loaded, let numbers) = try arrived(.load(state, values: values)),
                case .read(let read) = try arrived(.read(state))
            else {
                Issue.record("no Load or Read")
                return
            }
            #expect(loaded == state && read == state)
            #expect(numbers.shape == [15] && hasSameBytes(numbers, values))
        }
    }

    @Test func passesCrossWithTheirRows() throws {
        let rows = try matrix(7, 16)
        let pass = ExpertPass(
            step: .max, layer: 22, segments: [.init(expert: 0, rows: 4), .init(expert: 2, rows: 1), .init(expert: 4095, rows: 2)], rows: rows)
        func check(_ read: ExpertPass) {
            #expect(read.step == .max && read.layer == 22 && read.segments == pass.segments)
            #expect(read.rows.shape == [7, 16] && read.rows.dtype == .float32 && hasSameBytes(read.rows, rows))
        }
        guard case .forward(let forward) = try arrived(.forward(pass)) else {
            Issue.record("no Forward")
            return
        }
        check(forward)
        for needsInput in [true, false] {
            guard case .backward(let backward, needsInput) = try arrived(.backward(pass, needsInput: needsInput)) else {
                Issue.record("no Backward")
                return
            }
            check(backward)
        }
    }

    @Test func aPassWithoutRowsHasNoPayload() throws {
        let pass = ExpertPass(step: 1, layer: 0, segments: [], rows: try Tensor([Float](), shape: [0, 16]))
        let message = try MessageToTrainer.call(NumberedCall(session: 1, number: 1, acknowledged: 0, call: .forward(pass))).encoded()
        #expect(message.frames.count == 2)
        guard case .forward(let read) = try arrived(.forward(pass)) else {
            Issue.record("no Forward")
            return
        }
        #expect(read.rows.shape == [0, 16])
    }

    @Test func normAndUpdateCross() throws {
        guard case .norm(.max) = try arrived(.norm(step: .max)) else {
            Issue.record("no Norm")
            return
        }
        guard case .update(7, 0.25, 1e-5) = try arrived(.update(step: 7, scale: 0.25, rate: 1e-5)) else {
            Issue.record("no Update")
            return
        }
    }

    @Test func answersCross() throws {
        let sums = [0, 0.1, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude]
        let numbers = try Tensor([1, .nan, -.infinity, -0.0], shape: [4])
        let sent = TrainerResult(numbers: numbers, sums: sums, computeNanoseconds: .max)
        let read = try arrived(TrainerAnswer(session: .max, number: 1, result: .success(sent))).result.get()
        // What is not a number crosses as it is: whoever learns reports it.
        #expect(hasSameBytes(try #require(read.numbers), numbers) && read.numbers?.shape == [4])
        #expect(read.sums == sums && read.computeNanoseconds == .max)
        let bare = try arrived(TrainerAnswer(session: 1, number: .max, result: .success(TrainerResult()))).result.get()
        #expect(bare.numbers == nil && bare.sums.isEmpty && bare.computeNanoseconds == 0)
        let odd = try arrived(TrainerAnswer(session: 1, number: 2, result: .success(TrainerResult(sums: [.nan])))).result.get()
        #expect(odd.sums.count == 1 && odd.sums[0].isNaN)
    }

    @Test func failuresCross() throws {
        for code in TrainerFailure.Code.allCases {
            let failure = TrainerFailure(code, "out of lück")
            let read = try arrived(TrainerAnswer(session: 3, number: 4, result: .failure(failure)))
            #expect(throws: failure) { try read.result.get() }
        }
        let long = TrainerFailure(.compute, String(repeating: "é", count: 5000))
        let read = try arrived(TrainerAnswer(session: 3, number: 4, result: .failure(long)))
        #expect(throws: TrainerFailure(.compute, String(repeating: "é", count: WireLimits.reason / 2))) { try read.result.get() }
    }

    private static let full = WireLimits.payload / 4

    @Test(arguments: [0, 1, full - 1, full, full + 1, 2 * full - 1, 2 * full, 2 * full + 7, 3 * full])
    func numbersAreCutIntoFullFramesAndPutTogetherAgain(count: Int) throws {
        // The tensor begins somewhere in its storage.
        let all = try matrix(1, count + 3, scale: 0.25)
        let numbers = try Tensor(dtype: .float32, shape: [count], storage: all.storage, byteOffset: 12)
        let state = ExpertState(.init(layer: 0, expert: 0), tensor: 0, kind: .value)
        let load = try MessageToTrainer.call(NumberedCall(session: 1, number: 2, acknowledged: 0, call: .load(state, values: numbers))).encoded()
        let answer = try TrainerMessage.answer(
            TrainerAnswer(session: 1, number: 2, result: .success(TrainerResult(numbers: numbers)))
        ).encoded()
        for message in [load, answer] {
            let payload = message.frames.dropFirst(2)
            #expect(payload.count == (count + Self.full - 1) / Self.full)
            #expect(payload.dropLast().allSatisfy { $0.count == WireLimits.payload })
            #expect(payload.reduce(0) { $0 + $1.count } == count * 4)
            // Shown, not copied.
            var place = numbers.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
            for frame in payload {
                #expect(frame.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } == place)
                place += UInt(frame.count)
            }
        }
        guard case .call(let call) = try MessageToTrainer(decoding: transmitted(load)), case .load(_, let loaded) = call.call,
            case .answer(let answered) = try TrainerMessage(decoding: transmitted(answer))
        else {
            Issue.record("no Load or Answer")
            return
        }
        let read = try answered.result.get().numbers
        #expect((read == nil) == (count == 0))
        for tensor in [loaded, read].compactMap(\.self) {
            #expect(tensor.shape == [count])
            #expect(hasSameBytes(tensor, numbers))
            #expect(tensor.byteOffset == 0 && UInt(bitPattern: tensor.storage.bytes.baseAddress) % UInt(Storage.alignment) == 0)
        }
    }

    @Test func rowsMayEndInTheMiddleOfAFrame() throws {
        let rows = try matrix(300, 1024)
        let pass = ExpertPass(step: 1, layer: 0, segments: [.init(expert: 1, rows: 299), .init(expert: 2, rows: 1)], rows: rows)
        guard case .backward(let read, false) = try arrived(.backward(pass, needsInput: false)) else {
            Issue.record("no Backward")
            return
        }
        #expect(read.rows.shape == [300, 1024] && hasSameBytes(read.rows, rows))
    }

    @Test func asManyNumbersAsTheLimitAllowsAreSent() throws {
        // Nobody writes or reads these bytes, so they take no memory.
        let storage = Storage.filled(byteCount: WireLimits.trainingNumbers * 4 + 4) { _ in }
        func load(_ count: Int) throws -> Multipart {
            let values = try Tensor(dtype: .float32, shape: [count], storage: storage)
            let state = ExpertState(.init(layer: 0, expert: 0), tensor: 0, kind: .value)
            return try MessageToTrainer.call(NumberedCall(session: 1, number: 1, acknowledged: 0, call: .load(state, values: values))).encoded()
        }
        #expect(try load(WireLimits.trainingNumbers).frames.count == 2 + WireLimits.trainingFrames)
        #expect(throws: WireError.tooLarge(field: "Load 'numbers'", size: WireLimits.trainingNumbers + 1, limit: WireLimits.trainingNumbers)) {
            try load(WireLimits.trainingNumbers + 1)
        }
    }

    @Test func whatIsNotWhatItSaysIsNotSent() throws {
        let rows = try matrix(2, 8)
        func forward(_ segments: [ExpertPass.Segment], _ rows: Tensor) -> TrainerCall {
            .forward(ExpertPass(step: 1, layer: 0, segments: segments, rows: rows))
        }
        let state = ExpertState(.init(layer: 0, expert: 0), tensor: 0, kind: .value)
        let wide = try rows.bfloat16()
        for (name, call) in [
            ("segments", forward([.init(expert: 0, rows: 1)], rows)), ("segments", forward([], rows)),
            ("rows", forward([.init(expert: 0, rows: 16)], try Tensor([Float](repeating: 0, count: 16), shape: [16]))),
            ("float32", forward([.init(expert: 0, rows: 2)], wide)), ("float32", .load(state, values: wide)),
        ] {
            let error = #expect(throws: WireError.self) {
                try MessageToTrainer.call(NumberedCall(session: 1, number: 1, acknowledged: 0, call: call)).encoded()
            }
            #expect(error?.description.contains(name) == true, "\(String(describing: error)) does not name \(name)")
        }
        let many = TrainerResult(sums: [Double](repeating: 1, count: WireLimits.trainingSums + 1))
        let error = #expect(throws: WireError.self) {
            try TrainerMessage.answer(TrainerAnswer(session: 1, number: 1, result: .success(many))).encoded()
        }
        #expect(error?.description.contains("envelope") == true)
    }

    /// What a pass costs beyond its rows; the figures are in proto/README.md.
    @Test func overheadOfAPassIsSmall() throws {
        let width = 2048
        let rows = try matrix(1, width)
        let pass = ExpertPass(step: .max, layer: 22, segments: [.init(expert: 3, rows: 1)], rows: rows)
        func overhead(_ call: TrainerCall) throws -> Int {
            let message = try MessageToTrainer.call(NumberedCall(session: .max, number: .max, acknowledged: .max - 1, call: call)).encoded()
            #expect(message.frames.count == 3)
            return message.byteCount - width * 4
        }
        let there = try overhead(.forward(pass))
        let again = try overhead(.backward(pass, needsInput: true))
        let answer = try TrainerMessage.answer(
            TrainerAnswer(session: .max, number: .max, result: .success(TrainerResult(numbers: rows, computeNanoseconds: 5_000_000)))
        ).encoded()
        let back = answer.byteCount - width * 4
        print("a pass of one row: \(there) bytes beyond its rows forward, \(again) backward, \(back) in the answer")
        #expect(there <= 64 && again <= 64 && back <= 64)
        #expect(answer.frames.count == 3)
    }
}
