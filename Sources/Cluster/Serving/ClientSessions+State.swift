import MedMoE
import Wire

/// What happened so far.
public struct ClientCounters: Sendable, Hashable {
    public var accepted: UInt64 = 0
    public var joined: UInt64 = 0
    public var done: UInt64 = 0
    public var refused: UInt64 = 0
    public var overloaded: UInt64 = 0
    public var cancelled: UInt64 = 0
    public var vanished: UInt64 = 0
    public var malformed: UInt64 = 0

    /// By name, for reports.
    public var named: [String: UInt64] {
        [
            "requests_accepted": accepted, "requests_joined": joined, "requests_done": done, "requests_refused": refused,
            "requests_overloaded": overloaded, "requests_cancelled": cancelled, "clients_vanished": vanished,
            "client_messages_malformed": malformed,
        ]
    }
}

/// A request and who waits for it.
struct Run {
    let id: RunID
    let request: AnswerRequest
    let imageBytes: Int
    let deadline: Moment
    var listeners: Set<PeerIdentity>
    var isRunning = false
    /// All tokens so far, for those who join.
    var tokens: [Tokens.Token] = []
}

/// A client that waits for something.
struct ClientPeer {
    var lastHeard: Moment
    var lastSent: Moment
    var requests: Set<String> = []
}

/// Why no request is taken, and when to try again.
struct Closed {
    let reason: String
    let retryAfter: Duration

    init(_ reason: String, retryAfter: Duration) {
        self.reason = reason
        self.retryAfter = retryAfter
    }
}

/// How fast requests ended of late.
struct EndingPace {
    private var ends: [Moment] = []
    private static let most = 32
    private static let memory: Duration = .seconds(60)

    mutating func add(_ moment: Moment) {
        ends.append(moment)
        if ends.count > Self.most { ends.removeFirst() }
    }

    /// Requests that ended per second, counted to now; nil when too little is known.
    func perSecond(now: Moment) -> Double? {
        let recent = ends.filter { $0 + Self.memory > now }
        guard recent.count >= 2, let first = recent.first else { return nil }
        return Double(recent.count - 1) / max(first.duration(to: now) / .seconds(1), 0.001)
    }
}
