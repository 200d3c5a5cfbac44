/// Where a socket listens or connects.
public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// `port` 0 lets the system choose when binding. `server` names the key that must be at the other end when dialling.
    case tcp(host: String, port: UInt16, server: String? = nil)
    case ipc(path: String)

    /// The most bytes in an ipc path: `sun_path` has 108, one is for the NUL.
    public static let pathLimit = 107

    /// What a socket will do there.
    public enum Purpose: Sendable { case bind, connect }

    /// Reads `tcp://host:port` or `ipc://path`.
    ///
    /// When binding, the host may be `*` and the port `*` or 0. When connecting, `tcp://name@host:port` says which of several
    /// authorised keys the other side has.
    /// - Throws: `SocketError.endpoint` or `.pathTooLong`.
    public init(_ text: String, for purpose: Purpose) throws(SocketError) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw .endpoint(text, reason: "it contains blanks or control characters")
        }
        if text.hasPrefix("ipc://") {
            try self.init(socketPath: String(text.dropFirst(6)))
        } else if text.hasPrefix("tcp://") {
            var place = text.dropFirst(6)
            var server: String?
            if let at = place.firstIndex(of: "@") {
                guard purpose == .connect else { throw .endpoint(text, reason: "a key's name before @ only makes sense for connecting") }
                let name = String(place[..<at])
                guard (try? KeyName.check(name)) != nil else { throw .endpoint(text, reason: "what stands before @ cannot be the name of a key") }
                server = name
                place = place[place.index(after: at)...]
            }
            guard let colon = place.lastIndex(of: ":") else { throw .endpoint(text, reason: "the port is missing") }
            let host = place[..<colon]
            let digits = place[place.index(after: colon)...]
            guard !host.isEmpty, host.utf8.count <= 255, !host.contains("/"), !host.contains(";"), !host.contains("@") else {
                throw .endpoint(text, reason: "the host is missing or impossible")
            }
            if digits == "*" || digits == "0" || host == "*", purpose == .connect {
                throw .endpoint(text, reason: "a wildcard only makes sense for listening")
            }
            guard let port = digits == "*" ? 0 : UInt16(digits), digits.first != "+" else {
                throw .endpoint(text, reason: "the port must be a number up to 65535")
            }
            self = .tcp(host: String(host), port: port, server: server)
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
        case .tcp(let host, let port, let server): "tcp://\(server.map { $0 + "@" } ?? "")\(host):\(port == 0 ? "*" : String(port))"
        case .ipc(let path): "ipc://\(path)"
        }
    }

    /// As libzmq wants it.
    var address: String {
        if case .tcp(let host, let port, _) = self { return Endpoint.tcp(host: host, port: port).description }
        return description
    }

    /// Whether it is a TCP port.
    public var isTCP: Bool { if case .tcp = self { true } else { false } }

    /// The name of the key that must be at the other end.
    public var server: String? { if case .tcp(_, _, let server) = self { server } else { nil } }

    /// Whether only processes of this machine can be at the other end: a socket file, or an address of the loopback device.
    public var isOnThisMachine: Bool {
        guard case .tcp(let host, _, _) = self else { return true }
        if host.lowercased() == "localhost" || host == "[::1]" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.first == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
