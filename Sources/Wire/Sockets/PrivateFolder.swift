#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A folder for sockets that nobody else may enter (mode 0700, ours).
public struct PrivateFolder: Sendable, Hashable {
    public let path: String

    /// Takes a folder, or makes it (its parent must exist).
    ///
    /// - Throws: `SocketError.unsafe` when it is not ours, open to others, or no folder; `.system`.
    public init(_ path: String) throws(SocketError) {
        self.path = path
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw .system(operation: "make the folder", endpoint: path, errno: errno)
        }
        var entry = stat()
        guard lstat(path, &entry) == 0 else { throw .system(operation: "look at the folder", endpoint: path, errno: errno) }
        guard entry.st_mode & S_IFMT == S_IFDIR else { throw .unsafe(path: path, reason: "it is no folder (or a link to one)") }
        guard entry.st_uid == geteuid() else { throw .unsafe(path: path, reason: "it belongs to user \(entry.st_uid)") }
        guard entry.st_mode & 0o777 == 0o700 else {
            throw .unsafe(path: path, reason: "its permissions are \(String(entry.st_mode & 0o777, radix: 8)), expected 700 (chmod 700 \(path))")
        }
    }

    /// The folder where a coordinator's socket is by default: `$XDG_RUNTIME_DIR/medmoe`, else `/tmp/medmoe-UID`.
    public static func standard() throws(SocketError) -> PrivateFolder {
        if let runtime = getenv("XDG_RUNTIME_DIR"), runtime.pointee != 0 {
            return try PrivateFolder(String(cString: runtime) + "/medmoe")
        }
        return try PrivateFolder("/tmp/medmoe-\(geteuid())")
    }

    /// A new folder of this process alone, inside this one.
    public func makeTemporary(prefix: String = "run") throws(SocketError) -> PrivateFolder {
        var template = Array("\(path)/\(prefix)-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw .system(operation: "make a folder in", endpoint: path, errno: errno) }
        return try PrivateFolder(String(cString: made))
    }

    /// The endpoint of a socket file in this folder.
    public func endpoint(_ name: String) throws(SocketError) -> Endpoint { try Endpoint(socketPath: "\(path)/\(name)") }

    /// Removes the sockets in this folder, and then the folder if nothing else is in it.
    ///
    /// Several processes may do so at the same time.
    public func removeWithSockets() {
        if let listing = opendir(path) {
            while let item = readdir(listing) {
                let name = withUnsafeBytes(of: &item.pointee.d_name) {
                    String(decoding: $0.prefix(while: { $0 != 0 }), as: UTF8.self)
                }
                var entry = stat()
                let file = "\(path)/\(name)"
                if lstat(file, &entry) == 0, entry.st_mode & S_IFMT == S_IFSOCK { unlink(file) }
            }
            closedir(listing)
        }
        rmdir(path)
    }
}
