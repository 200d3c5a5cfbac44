#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a key, a file of keys, or a link without one cannot be used. Each says what to do.
public enum SecurityError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A name that cannot be a key's.
    case name(String)
    /// A key file is never overwritten.
    case exists(String)
    /// A file that others could read or change.
    case unsafe(path: String, reason: String)
    /// A file that is not what it should be; `line` counts from 1.
    case malformed(path: String, line: Int?, reason: String)
    /// The same key or the same name stands in a file twice.
    case twice(path: String, line: Int, what: String, firstLine: Int)
    /// A system call failed.
    case system(operation: String, path: String, errno: Int32)
    /// This libzmq was built without encryption.
    case withoutCurve
    /// A link beyond this machine, but no key.
    case plaintext(endpoint: String, listening: Bool)
    /// A key, but nobody who may be at the other end.
    case nobodyAuthorized(keyFile: String)
    /// Our own key is of a role that does something else.
    case role(path: String, is: KeyRole, wanted: KeyRole)
    /// Which key the listener has cannot be told: none of the keys on the list may be dialled, or several.
    case server(endpoint: String, path: String, wanted: String?, known: [String])
    /// Options that contradict each other.
    case options(String)

    public var description: String {
        switch self {
        case .name(let name):
            return "'\(name.prefix(80))' cannot be the name of a key: take 1 to \(KeyName.limit) letters, digits, '.', '_' or '-', and begin with a letter or digit"
        case .exists(let path):
            return "\(path) exists, and keys are never overwritten: choose another name or folder, or remove it yourself"
        case .unsafe(let path, let reason):
            return "\(path) is not safe to use: \(reason)"
        case .malformed(let path, let line, let reason):
            return "\(path)\(line.map { ", line \($0)" } ?? ""): \(reason)"
        case .twice(let path, let line, let what, let firstLine):
            return "\(path), line \(line): \(what) stands in line \(firstLine) already; remove one of them"
        case .system(let operation, let path, let errno):
            return "cannot \(operation) \(path): \(String(cString: strerror(errno)))"
        case .withoutCurve:
            return "this libzmq was built without CURVE, so links cannot be encrypted: install one with libsodium"
        case .plaintext(let endpoint, let listening):
            return "\(endpoint) is not on this machine, and nothing is \(listening ? "served" : "sent") unencrypted beyond it: make a key with `medmoe keys new NAME` and give --key NAME.key and --authorized-keys FILE, or say --insecure in a network that you trust"
        case .nobodyAuthorized(let keyFile):
            return "--key \(keyFile) encrypts links, but nobody is authorised to be at the other end: give --authorized-keys FILE with the lines of their .pub files"
        case .role(let path, let role, let wanted):
            return "\(path) is the key of a \(role), not of a \(wanted): make one with `medmoe keys new NAME --role \(wanted)`, or without a role"
        case .server(let endpoint, let path, let wanted?, let known):
            return "\(path) has no key named '\(wanted)' that may be dialled at \(endpoint); it has \(Self.list(known))"
        case .server(let endpoint, let path, nil, let known) where known.isEmpty:
            return "\(path) has no key that may be dialled at \(endpoint): add the line of the coordinator's .pub file"
        case .server(let endpoint, let path, nil, let known):
            return "\(path) has several keys that may be dialled at \(endpoint): say which with tcp://NAME@HOST:PORT, one of \(Self.list(known)); or give workers and clients in that file their role at the end of the line"
        case .options(let text):
            return text
        }
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "none" : names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
    }
}
