/// A message as it lies on the wire: header, envelope, payload frames.
public struct Multipart {
    public var frames: [Frame]

    public init(frames: [Frame]) {
        self.frames = frames
    }

    /// A message that is a header alone.
    init(_ type: MessageType, version: UInt16 = ProtocolHeader.currentVersion) throws(WireError) {
        frames = [try Frame(ProtocolHeader(type, version: version).bytes)]
    }

    /// Bytes of all frames.
    public var byteCount: Int { frames.reduce(0) { $0 + $1.count } }

    /// The header, whatever its version.
    public func header() throws(WireError) -> ProtocolHeader {
        guard let first = frames.first else { throw .foreign("the message has no frame") }
        return try first.withUnsafeBytes { bytes throws(WireError) in try ProtocolHeader(bytes) }
    }

    /// The type of a message of our version.
    ///
    /// - Parameter anyVersion: types whose form never changes, so that peers of other versions learn why they fail.
    func type(anyVersion: Set<MessageType> = []) throws(WireError) -> MessageType {
        let header = try header()
        let type = MessageType(rawValue: header.type)
        if let type, anyVersion.contains(type) { return type }
        guard header.version == ProtocolHeader.currentVersion else { throw .version(theirs: header.version) }
        guard let type else { throw .unexpected(type: header.type) }
        return type
    }

    /// The envelope, when there is one of allowed size and `payloads` payload frames follow it.
    func envelope(of message: String, payloads: ClosedRange<Int> = 0...0) throws(WireError) -> Frame {
        guard frames.count >= 2, payloads.contains(frames.count - 2) else {
            throw .malformed(message: message, field: "frames", reason: "are \(frames.count), expected a header, an envelope and \(payloads.lowerBound == payloads.upperBound ? "\(payloads.lowerBound)" : "\(payloads.lowerBound) to \(payloads.upperBound)") payloads")
        }
        guard frames[1].count <= WireLimits.envelope else {
            throw .tooLarge(field: "\(message) envelope", size: frames[1].count, limit: WireLimits.envelope)
        }
        return frames[1]
    }

    /// Checks that nothing follows the header.
    func expectNothingMore(in message: String) throws(WireError) {
        guard frames.count == 1 else {
            throw .malformed(message: message, field: "frames", reason: "are \(frames.count), expected the header alone")
        }
    }
}
