import Tensors
import Testing

@testable import Wire

@Suite struct MessageTests {
    @Test func headerIsEightLittleEndianBytes() throws {
        let bytes = ProtocolHeader(.tile).bytes
        #expect(bytes == [0x4D, 0x4D, 0x4F, 0x45, 2, 0, 0x13, 0])
        let read = try bytes.withUnsafeBytes { bytes throws(WireError) in try ProtocolHeader(bytes) }
        #expect(read == ProtocolHeader(.tile))
    }

    @Test func helloCrosses() throws {
        let hello = Hello(
            incarnation: .random(), name: "wörker 1", width: 2048,
            holdings: [.init(layer: 0, expert: 3, digest: try digest(1)), .init(layer: 22, expert: 0, digest: try digest(2))],
            metas: [.init(layer: 0, digest: try digest(9))])
        guard case .hello(let read) = try WorkerMessage(decoding: transmitted(WorkerMessage.hello(hello).encoded())) else {
            Issue.record("no Hello")
            return
        }
        #expect(read == hello)
    }

    @Test func tileCrossesWithItsRowsAndFactors() throws {
        let rows = try matrix(3, 16)
        let tile = Tile(
            epoch: .max, tile: 7, attempt: 2, layer: 4, expert: 1, deadlineMilliseconds: 1500, factors: [1, 0.25, -3],
            metaFactors: [0.5, 1, 1], metaOnly: true, payload: try Payload(rows))
        guard case .tile(let read) = try CoordinatorMessage(decoding: transmitted(CoordinatorMessage.tile(tile).encoded())) else {
            Issue.record("no Tile")
            return
        }
        #expect(read.epoch == .max && read.tile == 7 && read.attempt == 2 && read.layer == 4 && read.expert == 1)
        #expect(read.deadlineMilliseconds == 1500 && read.factors == tile.factors && read.metaFactors == tile.metaFactors && read.metaOnly)
        let tensor = try read.payload.tensor()
        #expect(tensor.shape == [3, 16])
        #expect(bytes(of: tensor) == bytes(of: rows))
        // Kernels see the alignment of our own allocations.
        #expect(tensor.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) % UInt(Storage.alignment) } == 0)
    }

    @Test func repliesCross() throws {
        let done = TileDone(
            epoch: 5, tile: 6, attempt: 1, expertRows: 2, computeNanoseconds: 123_456_789_012, payload: try Payload(matrix(2, 8)))
        guard case .tileDone(let read) = try WorkerMessage(decoding: transmitted(WorkerMessage.tileDone(done).encoded())) else {
            Issue.record("no TileDone")
            return
        }
        #expect(read.epoch == 5 && read.tile == 6 && read.attempt == 1 && read.expertRows == 2)
        #expect(read.computeNanoseconds == 123_456_789_012)
        let failed = TileFailed(epoch: 1, tile: 2, attempt: 3, code: .compute, reason: "out of luck")
        guard case .tileFailed(let again) = try WorkerMessage(decoding: transmitted(WorkerMessage.tileFailed(failed).encoded())) else {
            Issue.record("no TileFailed")
            return
        }
        #expect(again == failed)
    }

    @Test func rejectionsOfAnotherVersionCanBeRead() throws {
        let rejection = Rejection(code: .protocolVersion, reason: "speak 9")
        var message = try transmitted(CoordinatorMessage.rejected(rejection).encoded())
        message.frames[0] = try Frame(ProtocolHeader(.rejected, version: 9).bytes)
        guard case .rejected(let read) = try CoordinatorMessage(decoding: message) else {
            Issue.record("no Rejected")
            return
        }
        #expect(read == rejection)
        message.frames[0] = try Frame(ProtocolHeader(.welcome, version: 9).bytes)
        #expect(throws: WireError.version(theirs: 9)) { try CoordinatorMessage(decoding: message) }
    }

    @Test(arguments: [
        Ask.Task.conversation([.init(role: .user, text: "what?"), .init(role: .assistant, text: ""), .init(role: .user, text: "nul \0 inside")]),
        .prompt("USER: <image>\n ASSISTANT:"), .classify([.init(role: .user, text: "modality?")], labels: ["CT", "röntgen", ""]),
    ])
    func questionsCrossWithTheirImages(task: Ask.Task) throws {
        let question = Ask.Question(
            request: "r-1", task: task, temperature: 0.7, topP: 0.9, topK: 40, seed: .max, maximumTokens: 64,
            stopStrings: ["\n\n", "###"], deadlineMilliseconds: 30_000)
        let images: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 7, count: 100_000)]
        let sent = ClientMessage.ask(Ask(question: question, images: ImageFiles(images)))
        guard case .ask(let read) = try ClientMessage(decoding: transmitted(sent.encoded())) else {
            Issue.record("no Ask")
            return
        }
        #expect(read.question == question)
        #expect(read.images.read() == images)
    }

    @Test func answersCrossWithEverythingKnownAboutThem() throws {
        let done = Done(
            request: "r", answer: "pneumonia 肺炎", tokenIDs: [1, 100_351, 0], promptTokens: 640, finish: .stop,
            modelDigest: String(repeating: "ab", count: 32),
            routing: [
                .init(layer: 0, expert: 2, worker: "a", tokens: 600), .init(layer: 0, expert: 2, worker: "b", tokens: 41),
                .init(layer: 2, expert: 1, worker: "a", tokens: 641),
            ],
            timings: .init(queue: 0.5, image: 12, prefill: 345.25, decode: 1e4), degraded: true,
            labels: [.init(label: "CT", logProbability: -0.125, tokens: 2), .init(label: "MRI", logProbability: -.infinity, tokens: 3)])
        guard case .done(let read) = try CoordinatorReply(decoding: transmitted(CoordinatorReply.done(done).encoded())) else {
            Issue.record("no Done")
            return
        }
        #expect(read == done)
    }

    @Test func tokensAndStatusCross() throws {
        let tokens = Tokens(request: "r", first: 3, tokens: [.init(id: 5, text: "ha"), .init(id: 6, text: "")])
        guard case .tokens(let read) = try CoordinatorReply(decoding: transmitted(CoordinatorReply.tokens(tokens).encoded())) else {
            Issue.record("no Tokens")
            return
        }
        #expect(read == tokens)
        let status = StatusReply(
            inquiry: 8, coordinator: "0011aabb", covered: false, missing: [.init(layer: 2, expert: 1)],
            workers: [
                .init(
                    name: "w", run: "00ff", experts: [0, 1], places: 24, outstandingTiles: 1, outstandingRows: 256,
                    tilesDone: 1 << 40, rowsDone: 9, silentMilliseconds: 17, isLeaving: true, isStuck: true, rowsPerSecond: 12.5, pace: 1.5)
            ],
            workersTotal: 1, waitingTiles: 2, runningRequests: 3, waitingRequests: 4, counters: ["a": 1, "b": .max],
            domains: ["CT", "MRI"], modelDigest: "00ff",
            experts: [
                .init(
                    expert: 1, replicas: 2, rowsDone: 1 << 40, rowsPerSecond: 1.5, waitingTiles: 3, outstandingRows: 4,
                    roundTrip: .init(p50: 1, p99: 2), compute: .init(p50: 0.5, p99: 0.75))
            ],
            draining: true, waits: .init(p50: 3, p99: 4), longestWait: 5)
        guard case .status(let again) = try CoordinatorReply(decoding: transmitted(CoordinatorReply.status(status).encoded())) else {
            Issue.record("no StatusReply")
            return
        }
        #expect(again == status)
    }

    @Test func changesOfHoldingsCross() throws {
        let changed = HoldingsChanged(
            epoch: .max, version: 5, holdings: [.init(layer: 1, expert: 2, digest: try digest(3))], metas: [.init(layer: 1, digest: try digest(4))])
        guard case .holdings(let read) = try WorkerMessage(decoding: transmitted(WorkerMessage.holdings(changed).encoded())) else {
            Issue.record("no Holdings")
            return
        }
        #expect(read == changed)
        let unready = Unready(epoch: 3, reason: "out")
        guard case .unready(let left) = try WorkerMessage(decoding: transmitted(WorkerMessage.unready(unready).encoded())) else {
            Issue.record("no Unready")
            return
        }
        #expect(left == unready)
        for failure in [nil, "no room"] {
            let assigned = Assigned(epoch: 3, assignment: .max, failure: failure)
            guard case .assigned(let read) = try WorkerMessage(decoding: transmitted(WorkerMessage.assigned(assigned).encoded())) else {
                Issue.record("no Assigned")
                return
            }
            #expect(read == assigned)
        }
    }

    @Test func ordersToWorkersCross() throws {
        let assign = Assign(epoch: 1, assignment: .max, add: [2, 3], drop: [4095])
        guard case .assign(let read) = try CoordinatorMessage(decoding: transmitted(CoordinatorMessage.assign(assign).encoded())) else {
            Issue.record("no Assign")
            return
        }
        #expect(read == assign)
        let forget = Forget(epoch: 1, tile: .max, attempt: 3)
        guard case .forget(let again) = try CoordinatorMessage(decoding: transmitted(CoordinatorMessage.forget(forget).encoded())) else {
            Issue.record("no Forget")
            return
        }
        #expect(again == forget)
    }

    @Test func assignmentsAndAdviceCrossBetweenClientAndCoordinator() throws {
        let assign = AssignExperts(inquiry: 7, worker: "wörker", add: [0], drop: [1, 2])
        guard case .assign(let read) = try ClientMessage(decoding: transmitted(ClientMessage.assign(assign).encoded())) else {
            Issue.record("no AssignExperts")
            return
        }
        #expect(read == assign)
        let reply = AssignReply(inquiry: 7, failure: "no such worker", experts: [1, 3])
        guard case .assigned(let again) = try CoordinatorReply(decoding: transmitted(CoordinatorReply.assigned(reply).encoded())) else {
            Issue.record("no AssignReply")
            return
        }
        #expect(again == reply)
        for advice in [nil, 250] {
            let refusal = Refusal(request: "r", code: "overloaded", reason: "later", retryAfterMilliseconds: advice)
            guard case .refused(let read) = try CoordinatorReply(decoding: transmitted(CoordinatorReply.refused(refusal).encoded())) else {
                Issue.record("no Refused")
                return
            }
            #expect(read == refusal)
        }
    }

    @Test func longHistoriesAreSplitIntoMessagesThatFit() throws {
        let all = (0..<5000).map { Tokens.Token(id: $0, text: String(repeating: "x", count: $0 % 50)) }
        let parts = Tokens(request: "r", first: 0, tokens: all).split
        #expect(parts.count > 1)
        #expect(parts.flatMap(\.tokens) == all)
        var next = 0
        for part in parts {
            #expect(part.first == next)
            next += part.tokens.count
            #expect(try CoordinatorReply.tokens(part).encoded().frames[1].count <= WireLimits.envelope)
        }
        #expect(Tokens(request: "r", first: 0, tokens: []).split.isEmpty)
    }

    @Test func reasonsAreCutBetweenCharacters() throws {
        let rejection = Rejection(code: .malformed, reason: String(repeating: "é", count: 5000))
        guard case .rejected(let read) = try CoordinatorMessage(decoding: transmitted(CoordinatorMessage.rejected(rejection).encoded()))
        else {
            Issue.record("no Rejected")
            return
        }
        #expect(read.reason == String(repeating: "é", count: WireLimits.reason / 2))
    }

    /// What a tile costs beyond its rows; the figures are in proto/README.md.
    @Test func overheadOfATileIsSmall() throws {
        let width = 2048
        let payload = try Payload(matrix(1, width))
        let tile = try CoordinatorMessage.tile(
            Tile(
                epoch: .max, tile: .max, attempt: 1, layer: 22, expert: 3, deadlineMilliseconds: 120_000, factors: [0.5],
                metaFactors: [1], payload: payload)
        ).encoded()
        let done = try WorkerMessage.tileDone(
            TileDone(epoch: .max, tile: .max, attempt: 1, expertRows: 1, computeNanoseconds: 5_000_000, payload: payload)
        ).encoded()
        print("a tile of one row: \(tile.byteCount - width * 4) bytes beyond its rows there, \(done.byteCount - width * 4) back")
        #expect(tile.frames.count == 3 && done.frames.count == 3)
        #expect(tile.byteCount - width * 4 <= 64)
        #expect(done.byteCount - width * 4 <= 64)
    }
}

