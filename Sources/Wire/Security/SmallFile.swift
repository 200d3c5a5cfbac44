import CWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A small file that others must not be able to read, or to change.
struct SmallFile {
    /// Tells whether a file is still the one that was read.
    struct Stamp: Hashable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let seconds: Int
        let nanoseconds: Int

        init(_ entry: stat) {
            device = UInt64(entry.st_dev)
            inode = UInt64(entry.st_ino)
            size = Int64(entry.st_size)
            seconds = entry.st_mtim.tv_sec
            nanoseconds = entry.st_mtim.tv_nsec
        }

        /// Of the file that is there now; nil when there is none.
        init?(path: String) {
            var entry = stat()
            guard stat(path, &entry) == 0 else { return nil }
            self.init(entry)
        }
    }

    /// Whom a file must be closed to.
    enum Closed {
        /// Nobody else may read or write.
        case toReaders
        /// Nobody else may write.
        case toWriters
    }

    /// Opens a regular file of this user (or, if others may read it, of root) and gives its bytes to `body`, in memory that
    /// is wiped afterwards.
    ///
    /// - Throws: `SecurityError.unsafe`, with the chmod to run; `.malformed` beyond `limit` bytes; `.system`.
    static func read<R>(
        _ path: String, limit: Int, closed: Closed, _ body: (UnsafeRawBufferPointer) throws(SecurityError) -> R
    ) throws(SecurityError) -> (value: R, stamp: Stamp) {
        // Not to wait for the other end should it be a pipe.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(operation: "open", path: path, errno: errno) }
        defer { _ = close(descriptor) }
        var entry = stat()
        guard fstat(descriptor, &entry) == 0 else { throw .system(operation: "look at", path: path, errno: errno) }
        guard entry.st_mode & S_IFMT == S_IFREG else { throw .unsafe(path: path, reason: "it is no regular file") }
        let others: mode_t = closed == .toReaders ? 0o077 : 0o022
        guard entry.st_uid == geteuid() || (closed == .toWriters && entry.st_uid == 0) else {
            throw .unsafe(path: path, reason: "it belongs to user \(entry.st_uid), this is user \(geteuid())")
        }
        guard entry.st_mode & others == 0 else {
            let mode = String(entry.st_mode & 0o777, radix: 8)
            throw .unsafe(
                path: path,
                reason: closed == .toReaders
                    ? "its permissions are \(mode), others may read the secret; run: chmod 600 \(path)"
                    : "its permissions are \(mode), others may write to it and let themselves in; run: chmod go-w \(path)")
        }
        guard entry.st_size <= limit else {
            throw .malformed(path: path, line: nil, reason: "it has \(entry.st_size) bytes, the limit is \(limit)")
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: limit + 1, alignment: 8)
        var count = 0
        defer {
            medmoe_wipe(buffer.baseAddress, count)
            buffer.deallocate()
        }
        while count < buffer.count {
            let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
            if got == 0 { break }
            if got < 0 {
                if errno == EINTR { continue }
                throw .system(operation: "read", path: path, errno: errno)
            }
            count += got
        }
        guard count <= limit else { throw .malformed(path: path, line: nil, reason: "it grew beyond \(limit) bytes while it was read") }
        return (try body(UnsafeRawBufferPointer(rebasing: buffer[..<count])), Stamp(entry))
    }

    /// Makes a file that did not exist, and writes it to the disk.
    ///
    /// - Throws: `SecurityError.exists`, `.system`; what was begun is removed.
    static func create(_ path: String, mode: mode_t, _ bytes: [UInt8]) throws(SecurityError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw .exists(path) }
            throw .system(operation: "make", path: path, errno: errno)
        }
        defer { _ = close(descriptor) }
        var count = 0
        while count < bytes.count {
            let put = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count) }
            if put < 0 {
                if errno == EINTR { continue }
                let code = errno
                unlink(path)
                throw .system(operation: "write", path: path, errno: code)
            }
            count += put
        }
        guard fsync(descriptor) == 0 else {
            let code = errno
            unlink(path)
            throw .system(operation: "write", path: path, errno: code)
        }
    }
}

/// Removes a file if it can.
func unlinkQuietly(_ path: String) { _ = unlink(path) }
