import CZeroMQ

/// What libzmq's monitor tells about one connection of a socket.
enum SocketEvent: Sendable, Hashable {
    /// The socket listens; the descriptor is the listening one.
    case listening(Int32)
    case accepted(Int32)
    /// We are connected to whom we dialled.
    case connected(Int32)
    /// The system refuses to take another connection: out of descriptors.
    case acceptFailed(errno: Int32)
    case handshakeSucceeded
    /// The other side said nothing understandable in time, or hung up.
    case handshakeFailed(errno: Int32)
    /// The other side broke the protocol: one of ZMQ_PROTOCOL_ERROR_….
    case protocolFailed(Int32)
    /// A key was refused, ours or theirs: the status of ZAP.
    case keyRefused(Int32)
    case disconnected(Int32)
    case other(UInt16)

    /// Which events to ask for.
    static let mask = ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_ACCEPT_FAILED
        | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
        | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED

    /// - Parameter frame: event (u16) and value (u32) in the order of this machine.
    init?(_ frame: [UInt8]) {
        guard frame.count == 6 else { return nil }
        let (event, value) = frame.withUnsafeBytes {
            ($0.loadUnaligned(fromByteOffset: 0, as: UInt16.self), $0.loadUnaligned(fromByteOffset: 2, as: Int32.self))
        }
        switch Int32(event) {
        case ZMQ_EVENT_LISTENING: self = .listening(value)
        case ZMQ_EVENT_ACCEPTED: self = .accepted(value)
        case ZMQ_EVENT_CONNECTED: self = .connected(value)
        case ZMQ_EVENT_ACCEPT_FAILED: self = .acceptFailed(errno: value)
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: self = .handshakeSucceeded
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: self = .handshakeFailed(errno: value)
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: self = .protocolFailed(value)
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: self = .keyRefused(value)
        case ZMQ_EVENT_DISCONNECTED: self = .disconnected(value)
        default: self = .other(event)
        }
    }
}

/// Hears what happens to the connections of one socket.
final class SocketMonitor {
    let socket: ZMQSocket
    private let watched: ZMQSocket

    /// Begins before the socket is bound or connected, so that nothing is missed.
    init(_ context: ZMQContext, of watched: ZMQSocket) throws(SocketError) {
        let address = "inproc://monitor-\(UInt(bitPattern: watched.handle))"
        try watched.check(zmq_socket_monitor(watched.handle, address, SocketEvent.mask), "watch", "a socket")
        // No limit: libzmq's I/O thread would wait for room, and with it all connections.
        socket = try ZMQSocket(context, .monitor, maximumFrame: 0, queues: (out: 0, in: 0))
        self.watched = watched
        try socket.check(zmq_connect(socket.handle, address), "watch", "a socket")
    }

    /// The next event, without waiting.
    func next() -> SocketEvent? {
        while let frames = socket.receiveFrames() {
            if let event = frames.first.flatMap({ SocketEvent($0) }) { return event }
        }
        return nil
    }

    /// Must be called while the watched socket is open.
    func close() {
        zmq_socket_monitor(watched.handle, nil, 0)
        socket.close()
    }
}
