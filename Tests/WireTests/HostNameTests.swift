import Testing

@testable import Wire

/// Names of hosts to listen at.
@Suite struct HostNameTests {
    @Test("a name that the system knows becomes addresses, an address stays as it is")
    func aNameThatTheSystemKnowsBecomesAddressesAnAddress() {
        let local = HostName.addresses("localhost")
        #expect(!local.isEmpty && local.allSatisfy { ["127.0.0.1", "[::1]"].contains($0) }, "\(local)")
        for text in ["127.0.0.1", "*", "[::1]", "lo"] { #expect(HostName.addresses(text) == [text]) }
        #expect(HostName.addresses("no such name") == ["no such name"])
    }

    @Test("a socket can listen at a name")
    func aSocketCanListenAtAName() throws {
        let socket = try ZMQSocket(ZMQContext(), .router, maximumFrame: 100)
        guard case .tcp(let host, let port, _) = try socket.bind(Endpoint("tcp://localhost:*", for: .bind)) else {
            Issue.record("not a tcp port")
            return
        }
        #expect(host == "localhost" && port > 0)
        #expect(throws: SocketError.self) { try socket.bind(Endpoint("tcp://host.invalid:*", for: .bind)) }
    }
}
