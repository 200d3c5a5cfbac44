/// How one request went. Times are seconds since the load began.
public struct RequestRecord: Sendable, Hashable {
    /// What a finished answer tells.
    public struct Answer: Sendable, Hashable {
        public var promptTokens: Int
        /// Milliseconds that it waited at the coordinator.
        public var queue: Double
        public var rowsByExpert: [Int: Int]
        public var rowsByWorker: [String: Int]
        public var isDegraded: Bool

        public init(promptTokens: Int, queue: Double = 0, rowsByExpert: [Int: Int] = [:], rowsByWorker: [String: Int] = [:], isDegraded: Bool = false) {
            self.promptTokens = promptTokens
            self.queue = queue
            self.rowsByExpert = rowsByExpert
            self.rowsByWorker = rowsByWorker
            self.isDegraded = isDegraded
        }
    }

    public enum Outcome: Sendable, Hashable {
        case answered(Answer)
        /// Refused or failed; the kind is for programs, the reason for people.
        case failed(kind: String, reason: String)
        /// The load was stopped before the end.
        case abandoned
    }

    public var number: Int
    /// When it should have been asked: latencies count from here, however late the load was.
    public var intended: Double
    public var sent: Double
    /// When its tokens came.
    public var tokens: [Double]
    public var ended: Double
    public var outcome: Outcome

    public init(number: Int, intended: Double, sent: Double, tokens: [Double] = [], ended: Double, outcome: Outcome) {
        self.number = number
        self.intended = intended
        self.sent = sent
        self.tokens = tokens
        self.ended = ended
        self.outcome = outcome
    }

    /// Milliseconds to the first token; nil when none came.
    var ttft: Double? { tokens.first.map { ($0 - intended) * 1000 } }

    /// Mean milliseconds per token after the first; nil of fewer than two.
    var tpot: Double? {
        guard let first = tokens.first, tokens.count > 1 else { return nil }
        return (ended - first) * 1000 / Double(tokens.count - 1)
    }

    /// Milliseconds from end to end.
    var e2e: Double { (ended - intended) * 1000 }

    /// Milliseconds between neighbouring tokens.
    var gaps: [Double] { zip(tokens, tokens.dropFirst()).map { ($1 - $0) * 1000 } }

    /// Whether it was answered within the limits.
    func meets(_ limits: GoodputLimits) -> Bool {
        guard case .answered = outcome else { return false }
        func within(_ value: Double?, _ limit: Double?) -> Bool { limit.map { (value ?? 0) <= $0 } ?? true }
        return within(ttft ?? e2e, limits.ttft) && within(tpot, limits.tpot) && within(e2e, limits.e2e)
    }
}
