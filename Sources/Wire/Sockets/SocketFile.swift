import CWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The file of an ipc socket that we listen at.
///
/// libzmq replaces any file at the path without asking; so whoever binds looks first whether somebody lives there.
struct SocketFile {
    private let path: String
    private let inode: ino_t

    /// Makes sure that nobody listens at `path`, runs `bind`, and remembers the file that it made.
    ///
    /// - Throws: `SocketError.addressInUse` with the process that listens there; `.unsafe` when the path is something else
    ///   than a socket.
    static func claim(_ path: String, _ bind: () throws(SocketError) -> Void) throws(SocketError) -> SocketFile {
        // Two processes that start at once: the second waits here until the first one listens.
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else { throw .system(operation: "open the folder of", endpoint: "ipc://\(path)", errno: errno) }
        defer { _ = close(lock) }
        try acquire(lock, path)
        var entry = stat()
        if lstat(path, &entry) == 0 {
            guard entry.st_mode & S_IFMT == S_IFSOCK else {
                throw .unsafe(path: path, reason: "it exists and is no socket; remove it or choose another path")
            }
            switch try listener(at: path) {
            case .alive(let process): throw .addressInUse("ipc://\(path)", holder: process)
            case .dead: unlink(path)
            }
        }
        try bind()
        guard lstat(path, &entry) == 0 else {
            throw .system(operation: "find the socket file of", endpoint: "ipc://\(path)", errno: errno)
        }
        return SocketFile(path: path, inode: entry.st_ino)
    }

    /// Removes the file, unless it is another one by now.
    func remove() {
        var entry = stat()
        if lstat(path, &entry) == 0, entry.st_ino == inode, entry.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
    }

    /// Locks a folder, but does not wait for ever: in a shared folder anybody may hold its lock.
    private static func acquire(_ lock: Int32, _ path: String) throws(SocketError) {
        for _ in 0..<200 {
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { return }
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw .system(operation: "lock the folder of", endpoint: "ipc://\(path)", errno: errno)
            }
            usleep(10_000)
        }
        throw .unsafe(path: path, reason: "another process holds the lock of its folder; choose a folder of your own")
    }

    private enum Listener {
        case alive(process: Int32?)
        case dead
    }

    private static func listener(at path: String) throws(SocketError) -> Listener {
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw .system(operation: "probe", endpoint: "ipc://\(path)", errno: errno) }
        defer { _ = close(probe) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(Endpoint.pathLimit)) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        if status != 0 {
            switch errno {
            case ECONNREFUSED, ENOENT: return .dead
            // Somebody listens, but the queue is full.
            case EAGAIN: return .alive(process: nil)
            case let code: throw .system(operation: "probe", endpoint: "ipc://\(path)", errno: code)
            }
        }
        let process = medmoe_peer_process(probe)
        return .alive(process: process > 0 ? process : nil)
    }
}
