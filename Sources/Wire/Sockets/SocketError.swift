import CZeroMQ

/// Why a socket, an endpoint or a socket's folder cannot be used.
public enum SocketError: Error, Sendable, Hashable, CustomStringConvertible {
    /// An endpoint that cannot be meant: the text, and what is wrong with it.
    case endpoint(String, reason: String)
    /// An ipc path beyond what the system allows.
    case pathTooLong(String, limit: Int)
    /// Somebody listens there. `holder` is the process id, where the system tells it.
    case addressInUse(String, holder: Int32?)
    /// A folder or socket file that is not safe to use.
    case unsafe(path: String, reason: String)
    /// A system call or libzmq call failed.
    case system(operation: String, endpoint: String, errno: Int32)
    /// The connections that a port may have need more descriptors than this process can open.
    case descriptors(needed: Int, allowed: Int)
    /// The I/O thread ended already.
    case closed

    public var description: String {
        switch self {
        case .endpoint(let text, let reason):
            return "'\(text)' is no endpoint: \(reason) (write tcp://host:port or ipc:///path/of/socket)"
        case .pathTooLong(let path, let limit):
            return "the socket path '\(path)' has \(path.utf8.count) bytes, the system's limit is \(limit): choose a shorter one"
        case .addressInUse(let endpoint, let holder):
            return "\(endpoint) is in use by \(holder.map { "process \($0)" } ?? "another process"): stop it or choose another address"
        case .unsafe(let path, let reason):
            return "\(path) is not safe to use: \(reason)"
        case .system(let operation, let endpoint, let errno):
            return "cannot \(operation) \(endpoint): \(String(cString: zmq_strerror(errno)))"
        case .descriptors(let needed, let allowed):
            return "the connections that ports may have need \(needed) open files, this process may have \(allowed): raise the limit (ulimit -n) or lower --max-connections"
        case .closed:
            return "the I/O thread has ended"
        }
    }
}
