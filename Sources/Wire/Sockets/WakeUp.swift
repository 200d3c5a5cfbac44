import CWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Wakes a thread that polls. Any thread may call.
final class WakeUp: Sendable {
    let descriptor: Int32

    init() throws(SocketError) {
        descriptor = medmoe_event_descriptor()
        guard descriptor >= 0 else { throw .system(operation: "make", endpoint: "an event descriptor", errno: errno) }
    }

    deinit { _ = close(descriptor) }

    /// The thread's next poll, or the one it is in, returns.
    func signal() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    /// Forgets all signals so far.
    func drain() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }
}
