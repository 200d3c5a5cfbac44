import Wire

/// What a coordinator and its workers sent each other: messages, and bytes of their frames.
///
/// Framing by ZMTP (2 or 9 bytes a frame), encryption, TCP and IP come on top.
public struct WorkerTraffic: Sendable, Hashable {
    /// Messages of one kind in one direction.
    public struct Flow: Sendable, Hashable {
        public var messages: UInt64 = 0
        /// Header, envelope and payload.
        public var bytes: UInt64 = 0
        /// Of these, bytes of rows.
        public var rowBytes: UInt64 = 0

        /// One message. To be taken before it is sent: libzmq empties what it sends.
        init(_ message: Multipart) {
            messages = 1
            for (index, frame) in message.frames.enumerated() {
                bytes += UInt64(frame.count)
                // After header and envelope.
                if index >= 2 { rowBytes += UInt64(frame.count) }
            }
        }

        init() {}

        static func + (a: Flow, b: Flow) -> Flow { a.combined(b, &+) }
        static func - (a: Flow, b: Flow) -> Flow { a.combined(b, &-) }

        private func combined(_ other: Flow, _ operation: (UInt64, UInt64) -> UInt64) -> Flow {
            var result = Flow()
            result.messages = operation(messages, other.messages)
            result.bytes = operation(bytes, other.bytes)
            result.rowBytes = operation(rowBytes, other.rowBytes)
            return result
        }
    }

    /// Tiles to workers.
    public var tilesSent = Flow()
    /// Computed tiles from workers.
    public var tilesReceived = Flow()
    /// Everything else: greetings, beats, changes of what a worker holds, failures.
    public var othersSent = Flow()
    public var othersReceived = Flow()

    public init() {}

    mutating func sent(_ message: CoordinatorMessage, _ flow: Flow) {
        if case .tile = message { tilesSent = tilesSent + flow } else { othersSent = othersSent + flow }
    }

    mutating func received(_ message: WorkerMessage, _ flow: Flow) {
        if case .tileDone = message { tilesReceived = tilesReceived + flow } else { othersReceived = othersReceived + flow }
    }

    /// By name, for reports.
    public var named: [String: UInt64] {
        [
            "tile_messages_sent": tilesSent.messages, "tile_bytes_sent": tilesSent.bytes, "row_bytes_sent": tilesSent.rowBytes,
            "tile_messages_received": tilesReceived.messages, "tile_bytes_received": tilesReceived.bytes,
            "row_bytes_received": tilesReceived.rowBytes,
            "other_messages_sent": othersSent.messages, "other_bytes_sent": othersSent.bytes,
            "other_messages_received": othersReceived.messages, "other_bytes_received": othersReceived.bytes,
        ]
    }

    /// What has happened since an earlier moment.
    public static func - (later: WorkerTraffic, earlier: WorkerTraffic) -> WorkerTraffic {
        var difference = WorkerTraffic()
        difference.tilesSent = later.tilesSent - earlier.tilesSent
        difference.tilesReceived = later.tilesReceived - earlier.tilesReceived
        difference.othersSent = later.othersSent - earlier.othersSent
        difference.othersReceived = later.othersReceived - earlier.othersReceived
        return difference
    }
}
