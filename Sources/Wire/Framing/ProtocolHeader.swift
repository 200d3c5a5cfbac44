/// The first frame of every message: eight bytes that say whose protocol, which version and which message this is.
public struct ProtocolHeader: Sendable, Hashable {
    /// Version of all protocols, as this code speaks them.
    public static let currentVersion: UInt16 = 2
    /// Bytes of a header.
    public static let byteCount = 8
    /// "MMOE".
    static let magic: [UInt8] = [0x4D, 0x4D, 0x4F, 0x45]

    public var version: UInt16
    /// Raw value of a `MessageType`, perhaps one that we do not know.
    public var type: UInt16

    public init(_ type: MessageType, version: UInt16 = ProtocolHeader.currentVersion) {
        self.version = version
        self.type = type.rawValue
    }

    /// Reads a header.
    ///
    /// - Throws: `WireError.foreign` when the length or the magic is wrong. The version is not judged here.
    init(_ bytes: UnsafeRawBufferPointer) throws(WireError) {
        guard bytes.count == Self.byteCount, bytes.prefix(4).elementsEqual(Self.magic) else {
            throw .foreign("the first frame has \(bytes.count) bytes and is no MMOE header")
        }
        version = UInt16(bytes[4]) | UInt16(bytes[5]) << 8
        type = UInt16(bytes[6]) | UInt16(bytes[7]) << 8
    }

    /// The eight bytes, numbers in little-endian order.
    public var bytes: [UInt8] {
        Self.magic + [UInt8(truncatingIfNeeded: version), UInt8(truncatingIfNeeded: version >> 8)]
            + [UInt8(truncatingIfNeeded: type), UInt8(truncatingIfNeeded: type >> 8)]
    }
}

/// Every message of all protocols; the numbers are the wire's.
public enum MessageType: UInt16, Sendable, Hashable, CaseIterable {
    // All protocols, both directions.
    case beat = 0x01
    case probe = 0x02
    case goodbye = 0x03

    // Worker protocol.
    case hello = 0x10
    case welcome = 0x11
    case rejected = 0x12
    case tile = 0x13
    case tileDone = 0x14
    case tileFailed = 0x15
    case holdings = 0x16
    case unready = 0x17
    case forget = 0x18
    case assign = 0x19
    case assigned = 0x1A

    // Client protocol.
    case ask = 0x20
    case tokens = 0x21
    case done = 0x22
    case refused = 0x23
    case cancel = 0x24
    case clientBeat = 0x25
    case status = 0x26
    case statusReply = 0x27
    case assignExperts = 0x28
    case assignReply = 0x29

    // Trainer protocol, which has Rejected too.
    case trainerHello = 0x30
    case trainerBeat = 0x31
    case open = 0x32
    case load = 0x33
    case read = 0x34
    case forward = 0x35
    case backward = 0x36
    case norm = 0x37
    case update = 0x38
    case answer = 0x39
    case failed = 0x3A
}
