import CZeroMQ

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// libzmq's own I/O thread and its sockets.
final class ZMQContext {
    let handle: UnsafeMutableRawPointer

    /// - Throws: `SocketError.system` when threads or descriptors are exhausted.
    init() throws(SocketError) {
        guard let handle = zmq_ctx_new() else {
            throw .system(operation: "start", endpoint: "libzmq", errno: zmq_errno())
        }
        self.handle = handle
        // One thread for all connections, encryption included: with a model of 1 GB over encrypted links it is busy for some
        // percent of the time. And with one, what it tells about a connection is not mixed with what it tells about another.
        zmq_ctx_set(handle, ZMQ_IO_THREADS, 1)
        // A child process must not inherit our sockets' threads; a context never waits for unsent messages.
        zmq_ctx_set(handle, ZMQ_BLOCKY, 0)
    }

    deinit {
        // Every socket is closed by now: the sockets retain their context.
        while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
    }
}
