import Wire

/// What a coordinator and its trainers sent each other.
///
/// Framing by ZMTP (2 or 9 bytes a frame), encryption, TCP and IP come on top.
public struct TrainerTraffic: Sendable, Hashable {
    /// What a message belongs to: the calls, and everything else (greetings, beats, goodbyes, what belongs to no call).
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case open, load, read, forward, backward, norm, update, other
    }

    /// Messages in one direction.
    public struct Flow: Sendable, Hashable {
        public var messages: UInt64 = 0
        /// Header, envelope and numbers.
        public var bytes: UInt64 = 0
        /// Of these, bytes of numbers.
        public var numberBytes: UInt64 = 0

        public init() {}

        /// One message. To be taken before it is sent: libzmq empties what it sends.
        init(_ message: Multipart) {
            messages = 1
            for (index, frame) in message.frames.enumerated() {
                bytes += UInt64(frame.count)
                // After header and envelope.
                if index >= 2 { numberBytes += UInt64(frame.count) }
            }
        }

        public static func + (a: Flow, b: Flow) -> Flow { a.combined(b, &+) }
        public static func - (a: Flow, b: Flow) -> Flow { a.combined(b, &-) }

        private func combined(_ other: Flow, _ operation: (UInt64, UInt64) -> UInt64) -> Flow {
            var result = Flow()
            result.messages = operation(messages, other.messages)
            result.bytes = operation(bytes, other.bytes)
            result.numberBytes = operation(numberBytes, other.numberBytes)
            return result
        }
    }

    /// Both directions.
    public struct Exchange: Sendable, Hashable {
        /// To trainers.
        public var there = Flow()
        /// From trainers.
        public var back = Flow()

        public init() {}

        public static func + (a: Exchange, b: Exchange) -> Exchange { a.combined(b, +) }
        public static func - (a: Exchange, b: Exchange) -> Exchange { a.combined(b, -) }

        private func combined(_ other: Exchange, _ operation: (Flow, Flow) -> Flow) -> Exchange {
            var result = Exchange()
            result.there = operation(there, other.there)
            result.back = operation(back, other.back)
            return result
        }
    }

    /// What was sent for the first time, and the answers to it.
    public private(set) var exchanges: [Kind: Exchange] = [:]
    /// Calls that were sent again, and answers that had arrived before or that nobody waits for any more.
    public private(set) var repeats = Exchange()

    public init() {}

    public subscript(kind: Kind) -> Exchange { exchanges[kind] ?? Exchange() }

    /// All kinds together, without repeats.
    public var total: Exchange { exchanges.values.reduce(Exchange(), +) }

    mutating func sent(_ kind: Kind, _ flow: Flow, repeated: Bool) {
        if repeated {
            repeats.there = repeats.there + flow
        } else {
            exchanges[kind, default: Exchange()].there = self[kind].there + flow
        }
    }

    /// - Parameter kind: nil for a repeat.
    mutating func received(_ kind: Kind?, _ flow: Flow) {
        if let kind {
            exchanges[kind, default: Exchange()].back = self[kind].back + flow
        } else {
            repeats.back = repeats.back + flow
        }
    }

    /// What has happened since an earlier moment.
    public static func - (later: TrainerTraffic, earlier: TrainerTraffic) -> TrainerTraffic {
        var difference = TrainerTraffic()
        for kind in Kind.allCases where later.exchanges[kind] != nil { difference.exchanges[kind] = later[kind] - earlier[kind] }
        difference.repeats = later.repeats - earlier.repeats
        return difference
    }
}
