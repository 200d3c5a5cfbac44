import CZeroMQ
import Tensors

/// One part of a multipart message, in libzmq's own buffer.
///
/// Stays on the thread that made it.
public final class Frame {
    let message: UnsafeMutablePointer<zmq_msg_t>

    /// An empty frame, to receive into.
    init() {
        message = .allocate(capacity: 1)
        zmq_msg_init(message)
    }

    /// A frame with a copy of `bytes`.
    public convenience init(copying bytes: UnsafeRawBufferPointer) throws(WireError) {
        try self.init(byteCount: bytes.count)
        withUnsafeMutableBytes { if !bytes.isEmpty { $0.copyMemory(from: bytes) } }
    }

    /// A frame with a copy of `bytes`.
    public convenience init(_ bytes: [UInt8]) throws(WireError) {
        try self.init(byteCount: bytes.count)
        withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
    }

    /// A frame of `byteCount` bytes that are not yet defined.
    init(byteCount: Int) throws(WireError) {
        message = .allocate(capacity: 1)
        guard zmq_msg_init_size(message, byteCount) == 0 else {
            zmq_msg_init(message)
            throw .memory(bytes: byteCount)
        }
    }

    /// A frame that shows the bytes of `tensor` without copying them.
    ///
    /// The frame retains the storage; libzmq releases it when the bytes are sent, on its own thread. The callback does
    /// nothing else.
    public init(showing tensor: Tensor) throws(WireError) {
        message = .allocate(capacity: 1)
        let owner = Unmanaged.passRetained(tensor.storage)
        let first = tensor.storage.bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0 + tensor.byteOffset) }
        let status = zmq_msg_init_data(
            message, first, tensor.byteCount, { _, owner in if let owner { Unmanaged<Storage>.fromOpaque(owner).release() } },
            owner.toOpaque())
        guard status == 0 else {
            owner.release()
            zmq_msg_init(message)
            throw .memory(bytes: tensor.byteCount)
        }
    }

    deinit {
        zmq_msg_close(message)
        message.deallocate()
    }

    /// Number of bytes.
    public var count: Int { zmq_msg_size(message) }

    /// Whether libzmq received another part of the same message after this one.
    var hasMore: Bool { zmq_msg_more(message) != 0 }

    /// What libzmq tells about the sender of a received frame.
    var origin: ZMQSocket.Origin {
        let key = zmq_msg_gets(message, Authentication.keyProperty).map { String(cString: $0) }
        return ZMQSocket.Origin(key: key, connection: zmq_msg_get(message, ZMQ_SRCFD))
    }

    /// The bytes, valid while `body` runs.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(start: zmq_msg_data(message), count: count))
    }

    /// The bytes of a frame under construction.
    func withUnsafeMutableBytes(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        body(UnsafeMutableRawBufferPointer(start: zmq_msg_data(message), count: count))
        withExtendedLifetime(self) {}
    }

    /// A copy of the bytes.
    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
}
