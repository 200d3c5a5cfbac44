/// Why a message cannot be understood, or cannot be sent.
public enum WireError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The sender does not speak our protocol at all.
    case foreign(String)
    /// The header is ours, but of another version.
    case version(theirs: UInt16)
    /// A message that does not exist or does not belong here.
    case unexpected(type: UInt16)
    /// Something is larger than its limit.
    case tooLarge(field: String, size: Int, limit: Int)
    /// A field is missing, or has an impossible value.
    case malformed(message: String, field: String, reason: String)
    /// Memory for a frame of this many bytes was not to be had.
    case memory(bytes: Int)

    public var description: String {
        switch self {
        case .foreign(let reason): "not a MedMoE message: \(reason)"
        case .version(let theirs):
            "protocol version \(theirs), but this side speaks \(ProtocolHeader.currentVersion): use the same release on both sides"
        case .unexpected(let type): "message type \(type) does not exist or does not belong here"
        case .tooLarge(let field, let size, let limit): "\(field) has size \(size), the limit is \(limit)"
        case .malformed(let message, let field, let reason): "\(message): field '\(field)' \(reason)"
        case .memory(let bytes): "no memory for a frame of \(bytes) bytes"
        }
    }
}
