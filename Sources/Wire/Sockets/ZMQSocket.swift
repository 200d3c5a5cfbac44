import CZeroMQ

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One ZeroMQ socket. Lives and dies on the I/O thread that made it.
public final class ZMQSocket {
    /// What a socket is for.
    public enum Role: Sendable, Hashable {
        /// Many peers, each addressed by its identity.
        case router
        /// One peer, to which this socket shows an identity.
        case dealer(PeerIdentity)
        /// Answers libzmq's own questions, whether a key may in.
        case authenticator
        /// Hears what happens to the connections of another socket.
        case monitor
    }

    /// What sending came to.
    public enum SendOutcome: Sendable, Hashable {
        case sent
        /// There is no such peer (any more).
        case unreachable
        /// The peer's queue is full: it does not read.
        case full
        case failed(errno: Int32)
    }

    /// What was there to receive.
    public enum Received {
        case nothing
        /// `peer` is nil on a DEALER. `key` is the sender's on an encrypted link of a ROUTER, and `connection` the
        /// descriptor of the connection, of a ROUTER at a tcp port.
        case message(Multipart, peer: PeerIdentity?, origin: Origin? = nil)
        /// A message beyond the limits, which was thrown away.
        case refused(WireError, peer: PeerIdentity?)
    }

    /// What libzmq knows about who sent a message.
    public struct Origin: Sendable, Hashable {
        /// The key that the sender proved to have, in hexadecimal digits; nil on a plaintext link.
        public var key: String?
        /// The descriptor of the connection in this process; -1 when it is not known.
        public var connection: Int32
    }

    let handle: UnsafeMutableRawPointer
    private let context: ZMQContext
    private let role: Role
    private var socketFiles: [SocketFile] = []
    private var isOpen = true
    /// Whether messages say which connection and key they came from.
    var tellsOrigin = false

    /// - Parameters:
    ///   - maximumFrame: bytes; libzmq closes a connection that announces a longer frame, before it allocates.
    ///   - queues: messages that wait per peer, going out and coming in.
    ///   - protection: what it does about encryption.
    init(
        _ context: ZMQContext, _ role: Role, maximumFrame: Int, queues: (out: Int, in: Int) = (1024, 1024),
        protection: LinkSecurity.Protection = .plaintext
    ) throws(SocketError) {
        let type: Int32
        switch role {
        case .router, .authenticator: type = ZMQ_ROUTER
        case .dealer: type = ZMQ_DEALER
        case .monitor: type = ZMQ_PAIR
        }
        guard let handle = zmq_socket(context.handle, type) else {
            throw .system(operation: "open a socket of", endpoint: "libzmq", errno: zmq_errno())
        }
        self.handle = handle
        self.context = context
        self.role = role
        try set(ZMQ_LINGER, 0)
        try set(ZMQ_SNDHWM, Int32(clamping: queues.out))
        try set(ZMQ_RCVHWM, Int32(clamping: queues.in))
        switch role {
        case .router:
            try setUpNetwork(maximumFrame, protection)
            // A peer that is gone is an error, at once; and a peer that reconnects before its old connection is known to
            // be dead takes over its identity, or it would be shut out until TCP gives up.
            try set(ZMQ_ROUTER_MANDATORY, 1)
            try set(ZMQ_ROUTER_HANDOVER, 1)
        case .dealer(let identity):
            try setUpNetwork(maximumFrame, protection)
            try set(ZMQ_ROUTING_ID, identity.bytes, of: "the identity")
            // Back-off while the peer is away. A restarted coordinator must find its workers within 5 s, so the longest
            // pause (libzmq adds up to one interval at random) stays well below.
            try set(ZMQ_RECONNECT_IVL, 200)
            try set(ZMQ_RECONNECT_IVL_MAX, 2_000)
        case .authenticator, .monitor: break
        }
    }

    private func setUpNetwork(_ maximumFrame: Int, _ protection: LinkSecurity.Protection) throws(SocketError) {
        // From the first byte to the last of the handshake, whatever trickles in between.
        try set(ZMQ_HANDSHAKE_IVL, Int32(clamping: Int(LinkLimits.handshake / .milliseconds(1))))
        try set(ZMQ_TCP_KEEPALIVE, 1)
        try set(ZMQ_TCP_KEEPALIVE_IDLE, 10)
        try set(ZMQ_TCP_KEEPALIVE_INTVL, 5)
        try set(ZMQ_TCP_KEEPALIVE_CNT, 3)
        try set(ZMQ_IPV6, 1)
        var size = Int64(maximumFrame)
        // libzmq counts an encrypted frame with its wrapping.
        if case .plaintext = protection {} else { size += Int64(LinkLimits.wrapping) }
        try check(zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &size, MemoryLayout<Int64>.size), "set an option of", "a socket")
        try protect(protection)
    }

    deinit { close() }

    func set(_ option: Int32, _ value: Int32) throws(SocketError) {
        var value = value
        try check(zmq_setsockopt(handle, option, &value, MemoryLayout<Int32>.size), "set option \(option) of", "a socket")
    }

    func set(_ option: Int32, _ bytes: [UInt8], of what: String) throws(SocketError) {
        let status = bytes.withUnsafeBytes { zmq_setsockopt(handle, option, $0.baseAddress, $0.count) }
        try check(status, "set \(what) of", "a socket")
    }

    func check(_ status: Int32, _ operation: String, _ endpoint: String) throws(SocketError) {
        guard status == 0 else { throw .system(operation: operation, endpoint: endpoint, errno: zmq_errno()) }
    }

    /// Listens.
    ///
    /// A socket file that a dead process left is replaced.
    /// - Returns: the endpoint with the port that the system chose.
    /// - Throws: `SocketError.addressInUse`, `.unsafe`, `.system`.
    func bind(_ endpoint: Endpoint) throws(SocketError) -> Endpoint {
        switch endpoint {
        case .ipc(let path):
            socketFiles.append(
                try SocketFile.claim(path) { () throws(SocketError) in
                    try check(zmq_bind(handle, endpoint.address), "listen at", endpoint.description)
                })
            return endpoint
        case .tcp(let host, let port, _):
            let places = HostName.addresses(host).map { Endpoint.tcp(host: $0, port: port).address }
            // The first that this machine has.
            guard places.contains(where: { zmq_bind(handle, $0) == 0 }) else {
                let code = zmq_errno()
                if code == EADDRINUSE { throw .addressInUse(endpoint.description, holder: nil) }
                throw .system(operation: "listen at", endpoint: endpoint.description, errno: code)
            }
            var buffer = [CChar](repeating: 0, count: 512)
            var size = buffer.count
            try check(zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &buffer, &size), "ask for the address of", endpoint.description)
            let text = String(decoding: buffer.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard case .tcp(_, let port, _) = try Endpoint(text, for: .bind) else { return endpoint }
            return .tcp(host: host, port: port)
        }
    }

    /// Listens for libzmq's own threads.
    func bindInside(_ address: String) throws(SocketError) {
        try check(zmq_bind(handle, address), "listen at", address)
    }

    static let backlogOption = ZMQ_BACKLOG

    /// Connects, now or as soon as somebody listens there.
    func connect(_ endpoint: Endpoint) throws(SocketError) {
        try check(zmq_connect(handle, endpoint.address), "connect to", endpoint.description)
    }

    /// Sends without waiting.
    public func send(_ message: Multipart, to peer: PeerIdentity? = nil) -> SendOutcome {
        guard isOpen else { return .failed(errno: ENOTSOCK) }
        var frames = message.frames
        if let peer {
            guard let address = try? Frame(peer.bytes) else { return .failed(errno: ENOMEM) }
            frames.insert(address, at: 0)
        }
        for (index, frame) in frames.enumerated() {
            let more = index < frames.count - 1 ? ZMQ_SNDMORE : 0
            guard zmq_msg_send(frame.message, handle, ZMQ_DONTWAIT | more) >= 0 else {
                switch zmq_errno() {
                case EHOSTUNREACH: return .unreachable
                case EAGAIN: return .full
                case let code: return .failed(errno: code)
                }
            }
        }
        return .sent
    }

    /// Takes one message, without waiting.
    ///
    /// - Parameters:
    ///   - mostFrames: frames of one message, without the peer's identity.
    ///   - mostBytes: bytes of all its frames.
    public func receive(mostFrames: Int, mostBytes: Int) -> Received {
        var peer: PeerIdentity?
        var frames: [Frame] = []
        var bytes = 0
        var excess: WireError?
        var needsPeer = role == .router
        var origin: Origin?
        while isOpen {
            let frame = Frame()
            guard zmq_msg_recv(frame.message, handle, ZMQ_DONTWAIT) >= 0 else { return .nothing }
            if needsPeer {
                peer = PeerIdentity(frame.bytes)
                needsPeer = false
            } else {
                // libzmq tells it with every frame but, at times, the identity.
                if tellsOrigin, origin == nil { origin = frame.origin }
                bytes += frame.count
                if frames.count == mostFrames {
                    excess = .tooLarge(field: "number of frames", size: mostFrames + 1, limit: mostFrames)
                } else if bytes > mostBytes {
                    excess = .tooLarge(field: "message", size: bytes, limit: mostBytes)
                }
                // Keep reading to the end of the message, but keep nothing of it.
                if excess == nil { frames.append(frame) } else { frames = [] }
            }
            if !frame.hasMore { break }
        }
        guard isOpen else { return .nothing }
        if let excess { return .refused(excess, peer: peer) }
        return .message(Multipart(frames: frames), peer: peer, origin: origin)
    }

    /// Takes the frames of one short message of libzmq's own making, without waiting; nil when there is none.
    func receiveFrames() -> [[UInt8]]? {
        guard isOpen else { return nil }
        var frames: [[UInt8]] = []
        while true {
            let frame = Frame()
            guard zmq_msg_recv(frame.message, handle, ZMQ_DONTWAIT) >= 0 else { return nil }
            frames.append(frame.bytes)
            if !frame.hasMore { return frames }
        }
    }

    /// Sends frames to libzmq's own threads.
    func sendFrames(_ frames: [[UInt8]]) {
        for (index, frame) in frames.enumerated() {
            let more = index < frames.count - 1 ? ZMQ_SNDMORE : 0
            _ = frame.withUnsafeBytes { zmq_send(handle, $0.baseAddress, $0.count, ZMQ_DONTWAIT | more) }
        }
    }

    /// Closes and removes the socket file.
    ///
    /// - Parameter linger: how long libzmq may go on sending what is on its way; the rest is dropped.
    public func close(linger: Duration = .zero) {
        guard isOpen else { return }
        isOpen = false
        if linger > .zero { try? set(ZMQ_LINGER, Int32(clamping: Int(linger / .milliseconds(1)))) }
        zmq_close(handle)
        for file in socketFiles { file.remove() }
    }
}
