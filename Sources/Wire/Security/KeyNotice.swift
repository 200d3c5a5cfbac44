/// Something about keys to write into the log.
public enum KeyNotice: Sendable, Hashable, CustomStringConvertible {
    /// The file of authorised keys was read again.
    case read(path: String, count: Int, removed: [String])
    /// It could not be read again: what it said before still counts.
    case failed(path: String, SecurityError)
    /// Somebody was turned away at the port of this role.
    case denied(KeyRole?, String)

    init?(_ change: KeyRing.Change?, of ring: KeyRing) {
        switch change {
        case .read(let count, let removed): self = .read(path: ring.file.path, count: count, removed: removed)
        case .failed(let error): self = .failed(path: ring.file.path, error)
        case nil: return nil
        }
    }

    public var description: String {
        switch self {
        case .read(let path, let count, let removed):
            "\(path) was read again: \(count) keys" + (removed.isEmpty ? "" : "; not as before: \(removed.prefix(20).joined(separator: ", "))")
        case .failed(let path, let error): "\(path) changed but is not used, what it said before still counts: \(error)"
        case .denied(_, let text): text
        }
    }
}
