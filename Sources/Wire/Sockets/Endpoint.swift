/// Where a socket listens or connects.
public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// `port` 0 lets the system choose when binding.
    case tcp(host: String, port: UInt16)
    case ipc(path: String)

    /// The most bytes in an ipc path: `sun_path` has 108, one is for the NUL.
    public static let pathLimit = 107

    /// What a socket will do there.
    public enum Purpose: Sendable { case bind, connect }

    /// Reads `tcp://host:port` or `ipc://path`.
    ///
    /// When binding, the host may be `*` and the port `*` or 0.
    /// - Throws: `SocketError.endpoint` or `.pathTooLong`.
    public init(_ text: String, for purpose: Purpose) throws(SocketError) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw .endpoint(text, reason: "it contains blanks or control characters")
        }
        if text.hasPrefix("ipc://") {
            try self.init(socketPath: String(text.dropFirst(6)))
        } else if text.hasPrefix("tcp://") {
            let place = text.dropFirst(6)
            guard let colon = place.lastIndex(of: ":") else { throw .endpoint(text, reason: "the port is missing") }
            let host = place[..<colon]
            let digits = place[place.index(after: colon)...]
            guard !host.isEmpty, host.utf8.count <= 255, !host.contains("/"), !host.contains(";") else {
                throw .endpoint(text, reason: "the host is missing or impossible")
            }
            if digits == "*" || digits == "0" || host == "*", purpose == .connect {
                throw .endpoint(text, reason: "a wildcard only makes sense for listening")
            }
            guard let port = digits == "*" ? 0 : UInt16(digits), digits.first != "+" else {
                throw .endpoint(text, reason: "the port must be a number up to 65535")
            }
            self = .tcp(host: String(host), port: port)
        } else {
            throw .endpoint(text, reason: "only tcp:// and ipc:// are known")
        }
    }

    /// A socket file.
    public init(socketPath path: String) throws(SocketError) {
        guard !path.isEmpty, path != "*" else { throw .endpoint("ipc://\(path)", reason: "the path is missing") }
        guard !path.hasPrefix("@") else {
            throw .endpoint("ipc://\(path)", reason: "abstract sockets have no owner or permissions, use a file")
        }
        guard !path.utf8.contains(0) else { throw .endpoint("ipc://\(path)", reason: "the path contains a NUL") }
        guard path.utf8.count <= Self.pathLimit else { throw .pathTooLong(path, limit: Self.pathLimit) }
        self = .ipc(path: path)
    }

    public var description: String {
        switch self {
        case .tcp(let host, let port): "tcp://\(host):\(port == 0 ? "*" : String(port))"
        case .ipc(let path): "ipc://\(path)"
        }
    }
}
