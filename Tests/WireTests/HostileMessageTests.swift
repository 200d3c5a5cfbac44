import CProtobufC
import CWire
import Tensors
import Testing

@testable import Wire

@Suite struct HostileMessageTests {
    private func tile(_ change: (inout Medmoe__Expert__Tile, EncodingArena) -> Void, payload: Int = 2 * 8 * 4) throws -> Multipart {
        let envelope = try Envelope.pack(as: "Tile", medmoe__expert__tile__init) { raw, arena in
            (raw.epoch, raw.tile, raw.attempt, raw.layer, raw.expert) = (1, 2, 1, 0, 0)
            (raw.rows, raw.width, raw.number, raw.deadline_milliseconds) = (2, 8, MEDMOE__EXPERT__NUMBER__NUMBER_FLOAT32, 1000)
            raw.n_factors = 2
            raw.factors = arena.array([1, 1])
            change(&raw, arena)
        }
        return try assemble(.tile, envelope, Frame([UInt8](repeating: 0, count: payload)))
    }

    private func refusal(of message: Multipart) -> String? {
        do throws(WireError) {
            _ = try CoordinatorMessage(decoding: message)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func everyFieldOfATileIsChecked() throws {
        #expect(refusal(of: try tile { _, _ in }) == nil)
        let wrong: [(String, Multipart)] = [
            ("number", try tile { raw, _ in raw.number = MEDMOE__EXPERT__NUMBER__NUMBER_UNKNOWN }),
            ("rows", try tile { raw, _ in raw.rows = 0 }),
            ("rows", try tile { raw, _ in raw.rows = 257 }),
            ("width", try tile { raw, _ in raw.width = 0 }),
            ("width", try tile { raw, _ in raw.width = .max }),
            ("payload", try tile { raw, _ in raw.width = 1 << 18 }),
            ("payload", try tile({ _, _ in }, payload: 63)),
            ("factors", try tile { raw, _ in raw.n_factors = 1 }),
            ("factors", try tile { raw, arena in raw.factors = arena.array([1, .nan]) }),
            ("meta_factors", try tile { raw, arena in (raw.n_meta_factors, raw.meta_factors) = (1, arena.array([1])) }),
            ("meta_factors", try tile { raw, arena in (raw.n_meta_factors, raw.meta_factors) = (2, arena.array([1, -.infinity])) }),
            ("attempt", try tile { raw, _ in raw.attempt = 0 }),
            ("layer", try tile { raw, _ in raw.layer = 5000 }),
            ("expert", try tile { raw, _ in raw.expert = .max }),
            ("deadline_milliseconds", try tile { raw, _ in raw.deadline_milliseconds = .max }),
        ]
        for (field, message) in wrong {
            let text = try #require(refusal(of: message), "a wrong \(field) was taken")
            #expect(text.contains(field), "\(text) does not name \(field)")
        }
    }

    @Test func framesAreCounted() throws {
        var message = try tile { _, _ in }
        message.frames.removeLast()
        #expect(refusal(of: message)?.contains("frames") == true)
        message.frames = [message.frames[0]]
        #expect(refusal(of: message)?.contains("frames") == true)
        message.frames = []
        #expect(refusal(of: message) != nil)
        let beat = try assemble(.beat, Frame([1]))
        #expect(refusal(of: beat)?.contains("frames") == true)
    }

    @Test func oversizedEnvelopesAreNotUnpacked() throws {
        let message = try assemble(.hello, Frame([UInt8](repeating: 0, count: WireLimits.envelope + 1)))
        #expect(throws: WireError.tooLarge(field: "Hello envelope", size: 65_537, limit: 65_536)) {
            try WorkerMessage(decoding: message)
        }
    }

    /// 32 768 empty holdings in 64 KiB would become megabytes of structs.
    @Test func floodsOfEmptyFieldsHitTheBudget() throws {
        let flood = [UInt8]((0..<32_768).flatMap { _ in [0x2A, 0x00] as [UInt8] })
        let message = try assemble(.hello, Frame(flood))
        let error = #expect(throws: WireError.self) { try WorkerMessage(decoding: message) }
        #expect(error?.description.contains("too many fields") == true)
    }

    @Test func textsMustBeUTF8AndDigestsWhole() throws {
        let good = Hello(incarnation: .random(), name: "w", width: 8, holdings: [], metas: [])
        func hello(_ change: (inout Medmoe__Expert__Hello, EncodingArena) -> Void) throws -> Multipart {
            let envelope = try Envelope.pack(as: "Hello", medmoe__expert__hello__init) { raw, arena in
                raw.incarnation = arena.data(good.incarnation.bytes)
                raw.name = arena.data(good.name)
                raw.width = 8
                raw.number = MEDMOE__EXPERT__NUMBER__NUMBER_FLOAT32
                change(&raw, arena)
            }
            return try assemble(.hello, envelope)
        }
        _ = try WorkerMessage(decoding: hello { _, _ in })
        for (field, message) in [
            ("name", try hello { raw, arena in raw.name = arena.data([0xFF, 0xFE]) }),
            ("name", try hello { raw, arena in raw.name = arena.data("") }),
            ("name", try hello { raw, arena in raw.name = arena.data(String(repeating: "x", count: 129)) }),
            ("incarnation", try hello { raw, arena in raw.incarnation = arena.data([1, 2, 3]) }),
        ] {
            let error = #expect(throws: WireError.self) { try WorkerMessage(decoding: message) }
            #expect(error?.description.contains(field) == true)
        }
    }

    @Test func questionsBeyondTheLimitsAreNotSent() throws {
        func ask(prompt: String = "?", images: [[UInt8]] = [], labels: [String]? = nil, topP: Double = 1) -> ClientMessage {
            .ask(
                Ask(
                    question: .init(
                        request: "r", task: labels.map { .classify([], labels: $0) } ?? .prompt(prompt), temperature: 0, topP: topP,
                        topK: 0, seed: 0, maximumTokens: 1, stopStrings: [], deadlineMilliseconds: 1),
                    images: ImageFiles(images)))
        }
        _ = try ask().encoded()
        for (name, message) in [
            ("envelope", ask(prompt: String(repeating: "x", count: 65_536))),
            ("images", ask(images: [[UInt8](repeating: 0, count: 20 << 20), [UInt8](repeating: 0, count: 13 << 20)])),
            ("images count", ask(images: Array(repeating: [0], count: 65))),
            ("labels", ask(labels: Array(repeating: "l", count: 1025))),
            ("labels", ask(labels: [String(repeating: "l", count: 40_000)])),
            ("top_p", ask(topP: .nan)),
        ] {
            let error = #expect(throws: WireError.self) { try message.encoded() }
            #expect(error?.description.contains(name) == true)
        }
    }

    @Test func messagesOfTheOtherDirectionAreRefused() throws {
        let welcome = try CoordinatorMessage.welcome(.init(coordinator: .random(), epoch: 1, beatMilliseconds: 1000)).encoded()
        #expect(throws: WireError.unexpected(type: 0x11)) { try WorkerMessage(decoding: welcome) }
        #expect(throws: WireError.unexpected(type: 0x11)) { try ClientMessage(decoding: welcome) }
        #expect(throws: WireError.unexpected(type: 0x11)) { try CoordinatorReply(decoding: welcome) }
        let unknown = Multipart(frames: [try Frame([0x4D, 0x4D, 0x4F, 0x45, 2, 0, 0xFF, 0xFF])])
        #expect(throws: WireError.unexpected(type: 0xFFFF)) { try WorkerMessage(decoding: unknown) }
        let foreign = Multipart(frames: [try Frame(Array("GET / HTTP/1.1".utf8))])
        #expect(throws: WireError.self) { try WorkerMessage(decoding: foreign) }
    }

    /// Seeded noise on honest messages: any outcome but a crash, a hang or a wrong size is fine.
    @Test func mutatedMessagesAreReadOrRefused() throws {
        var generator = Seeded(state: 7)
        let rows = try matrix(2, 8)
        let honest: [Multipart] = [
            try WorkerMessage.hello(
                Hello(
                    incarnation: .random(using: &generator), name: "w", width: 8,
                    holdings: (0..<20).map { .init(layer: $0, expert: $0 % 4, digest: try digest(UInt8($0))) }, metas: [])
            ).encoded(),
            try CoordinatorMessage.tile(
                Tile(
                    epoch: 1, tile: 2, attempt: 1, layer: 0, expert: 0, deadlineMilliseconds: 5, factors: [1, 2], metaFactors: [3, 4],
                    payload: try Payload(rows))
            ).encoded(),
            try ClientMessage.ask(
                Ask(
                    question: .init(
                        request: "r", task: .conversation([.init(role: .user, text: "hello")]), temperature: 0, topP: 1, topK: 0,
                        seed: 0, maximumTokens: 1, stopStrings: ["a"], deadlineMilliseconds: 1), images: ImageFiles([[1]]))
            ).encoded(),
            try CoordinatorReply.done(
                Done(
                    request: "r", answer: "a", tokenIDs: [1], promptTokens: 1, finish: .end, modelDigest: "d",
                    routing: [.init(layer: 0, expert: 0, worker: "w", tokens: 1)],
                    timings: .init(queue: 0, image: 0, prefill: 0, decode: 0), degraded: false,
                    labels: [.init(label: "l", logProbability: -1, tokens: 1)])
            ).encoded(),
        ]
        var refused = 0
        for round in 0..<20_000 {
            var message = honest[round % honest.count]
            try message.damage(using: &generator)
            for read in [
                { (m: Multipart) throws in _ = try WorkerMessage(decoding: m) }, { _ = try CoordinatorMessage(decoding: $0) },
                { _ = try ClientMessage(decoding: $0) }, { _ = try CoordinatorReply(decoding: $0) },
            ] {
                do { try read(message) } catch { refused += 1 }
            }
        }
        #expect(refused > 60_000)
    }
}

/// A small generator with a seed (SplitMix64), so that a failure can be repeated.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
