import Wire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Ends a process with its parent.
///
/// The parent holds the other end of a pipe and never writes. However it dies, the system closes that end, and this
/// process sees the end of the file.
public enum Lifeline {
    /// Watches from a thread of its own, so that neither loading nor computing delays the end.
    ///
    /// - Parameters:
    ///   - descriptor: where the end of the file shows, usually standard input.
    ///   - folder: a private folder to remove together with the sockets in it.
    ///   - end: what then happens; by default the process exits at once, without running anything else.
    /// - Throws: `SocketError.system` when the system gives no thread.
    public static func watch(
        _ descriptor: Int32 = STDIN_FILENO, removing folder: PrivateFolder? = nil,
        end: @escaping @Sendable () -> Void = { _exit(0) }
    ) throws {
        try DedicatedThread.run(name: "lifeline") {
            var buffer = [UInt8](repeating: 0, count: 64)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                if count > 0 { continue }
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN {
                    var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                    _ = poll(&item, 1, -1)
                    continue
                }
                break
            }
            folder?.removeWithSockets()
            end()
        }
    }
}
