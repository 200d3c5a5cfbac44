import CZeroMQ
import Testing

@testable import Wire

@Suite struct AuthenticationTests {
    private let worker: AuthorizedKey
    private let free: AuthorizedKey
    private let keys: AuthorizedKeys

    init() throws {
        worker = try KeyPair.generate(name: "w", role: .worker).identity
        free = try KeyPair.generate(name: "f").identity
        keys = try AuthorizedKeys(parsing: Array("\(worker.line)\n\(free.line)\n".utf8), path: "keys")
    }

    private func request(_ key: [UInt8]?, domain: String = "worker", mechanism: String = "CURVE", version: String = "1.0") -> [[UInt8]] {
        [version, "7", domain, "10.0.0.9", "", mechanism].map { Array($0.utf8) } + (key.map { [$0] } ?? [])
    }

    private func status(_ request: [[UInt8]]) -> String? {
        Authentication.reply(to: request, keys: keys).reply.map { String(decoding: $0[2], as: UTF8.self) }
    }

    @Test func aKnownKeyIsLetInUnderItsName() throws {
        let (reply, denial) = Authentication.reply(to: request(worker.publicKey.bytes), keys: keys)
        #expect(denial == nil)
        #expect(reply?.prefix(5).map { String(decoding: $0, as: UTF8.self) } == ["1.0", "7", "200", "OK", "w"])
        #expect(reply?.last == [3] + Array("Key".utf8) + [0, 0, 0, 64] + Array(worker.publicKey.hexadecimalDigits.utf8))
        #expect(status(request(free.publicKey.bytes, domain: "client")) == "200")
    }

    @Test func everybodyElseIsTurnedAwayWithAReason() throws {
        let stranger = try KeyPair.generate(name: "s").identity.publicKey
        let (_, unknown) = Authentication.reply(to: request(stranger.bytes), keys: keys)
        #expect(unknown?.reason == .unknown && unknown?.description.contains(stranger.hexadecimalDigits) == true && unknown?.description.contains("10.0.0.9") == true)
        let (_, role) = Authentication.reply(to: request(worker.publicKey.bytes, domain: "client"), keys: keys)
        #expect(role?.reason == .role(name: "w", .worker) && role?.role == .client)
        for bad in [
            request(stranger.bytes), request(worker.publicKey.bytes, domain: "client"), request(worker.publicKey.bytes, domain: ""),
            request(worker.publicKey.bytes, domain: "king"), request(worker.publicKey.bytes, mechanism: "NULL"), request(nil), request([1, 2]),
            request(nil, mechanism: "NULL"), request(worker.publicKey.bytes) + [[1]],
        ] {
            #expect(status(bad) == "400")
        }
        #expect(Authentication.reply(to: request(worker.publicKey.bytes), keys: nil).reply?[2] == Array("400".utf8))
        // What is no request of this version gets no answer at all.
        for bad in [[], [[]], request(worker.publicKey.bytes, version: "2.0"), Array(request(nil).prefix(4))] as [[[UInt8]]] { #expect(status(bad) == nil) }
    }
}

@Suite struct LinkWatchTests {
    private let start = ContinuousClock.now
    private var watch = LinkWatch()

    private mutating func take(_ event: SocketEvent, after: Duration = .zero, peerIsThere: Bool = false) -> LinkRefusal? {
        watch.take(event, now: start + after, begin: { "peer:\($0)" }, end: { _ in peerIsThere })?.reason
    }

    @Test mutating func aFailureBelongsToTheConnectionThatEndsNext() {
        for descriptor in [4, 5] as [Int32] { #expect(take(.accepted(descriptor)) == nil) }
        #expect(watch.open == 2)
        #expect(take(.protocolFailed(ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC)) == nil)
        let refused = watch.take(.disconnected(5), now: start, begin: { _ in nil }, end: { _ in false })
        #expect(refused == LinkWatch.Refused(reason: .crypto, address: "peer:5") && watch.open == 1)
        watch.received(from: 4)
        #expect(take(.disconnected(4)) == nil && watch.open == 0)
    }

    @Test mutating func eachKindIsTold() {
        for (event, reason) in [
            (.protocolFailed(ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH), .plaintext), (.protocolFailed(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE), .sequence),
            (.protocolFailed(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO), .sequence), (.keyRefused(400), .unauthorized), (.handshakeFailed(errno: 11), .hangup),
        ] as [(SocketEvent, LinkRefusal)] {
            _ = take(.accepted(9))
            _ = take(event)
            #expect(take(.disconnected(9), after: .seconds(1)) == reason)
        }
        _ = take(.accepted(9))
        _ = take(.handshakeFailed(errno: 11))
        #expect(take(.disconnected(9), after: .seconds(5)) == .timeout)
    }

    @Test mutating func whoEndsBeforeProvingAnythingDidNotSpeakZMTP() {
        _ = take(.accepted(9))
        #expect(take(.disconnected(9), after: .seconds(1)) == .foreign)
        // Who was there for longer than a handshake may take had finished it, even without a message.
        _ = take(.accepted(9))
        #expect(take(.disconnected(9), after: .seconds(60)) == nil)
    }

    @Test mutating func whenWeHangUpOnAProvenPeerItBrokeTheProtocol() {
        _ = take(.accepted(9))
        watch.received(from: 9)
        #expect(take(.disconnected(9), peerIsThere: true) == .violation)
        // News may come later than the message.
        watch.received(from: 9)
        _ = take(.accepted(9))
        #expect(take(.disconnected(9)) == nil)
        // A failure of before is not this connection's.
        _ = take(.accepted(9))
        watch.received(from: 9)
        #expect(take(.disconnected(9)) == nil)
    }

    @Test mutating func aFailureWithoutAnEndIsToldAllTheSameAndBlamesNobodyElse() {
        for descriptor in [4, 5] as [Int32] { _ = take(.accepted(descriptor)) }
        watch.received(from: 5)
        _ = take(.protocolFailed(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE))
        #expect(watch.settle(now: start) == nil)
        #expect(watch.settle(now: start + .seconds(1)) == LinkWatch.Refused(reason: .sequence, address: nil))
        #expect(watch.settle(now: start + .seconds(2)) == nil)
        _ = take(.protocolFailed(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE))
        #expect(take(.accepted(6)) == .sequence)
        #expect(take(.disconnected(5)) == nil)
    }
}
