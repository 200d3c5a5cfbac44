import Foundation

/// What a load measured, as values; the names in its JSON are these, in snake case.
public struct LoadReport: Sendable, Hashable, Codable {
    /// What was asked for.
    public struct Plan: Sendable, Hashable, Codable {
        /// Requests per second of an open loop.
        public var rate: Double?
        /// Askers of a closed loop.
        public var concurrency: Int?
        public var warmUpSeconds: Double
        public var durationSeconds: Double?
        public var requests: Int?
        public var seed: UInt64
        public var coordinators: Int
    }

    public struct Requests: Sendable, Hashable, Codable {
        /// Made in the measured time: each is in exactly one of the next three.
        public var measured: Int
        public var answered: Int
        public var failed: Int
        /// Stopped with the load.
        public var abandoned: Int
        /// Made before it.
        public var warmUp: Int
        /// Answered without an expert that was missing.
        public var degraded: Int
    }

    public struct Failure: Sendable, Hashable, Codable {
        public var kind: String
        public var count: Int
        /// The reason that the first one gave.
        public var example: String
    }

    /// Per second of the measured time.
    public struct Rates: Sendable, Hashable, Codable {
        public var arrivals: Double
        public var answers: Double
        public var outputTokens: Double
        public var promptTokens: Double
    }

    /// Milliseconds, from the intended arrival.
    public struct Latencies: Sendable, Hashable, Codable {
        public var ttft: Latency
        public var tpot: Latency
        public var itl: Latency
        public var e2e: Latency
        /// Of a closed loop: end to end, with the questions that were not asked because an answer was late.
        public var e2eCorrected: Latency?
        /// Waiting at the coordinator, as it says.
        public var queue: Latency
    }

    public struct Goodput: Sendable, Hashable, Codable {
        public var limits: GoodputLimits
        public var requests: Int
        /// Of the measured requests that were not stopped.
        public var share: Double
        public var perSecond: Double
    }

    /// How well the load itself kept to its plan.
    public struct Generator: Sendable, Hashable, Codable {
        /// How much later than intended requests were sent.
        public var lateness: Latency
        /// Requests that were not made, because too many were under way.
        public var omitted: Int

        /// Whether it is to be believed: 99 % of the requests at most 10 ms late, none left out.
        public var keptItsPlan: Bool { omitted == 0 && lateness.p99 <= 10 }
    }

    public struct Share: Sendable, Hashable, Codable {
        public var name: String
        public var rows: Int
        /// Of all rows.
        public var share: Double
    }

    /// A second of the load, or several of a long one.
    public struct Slice: Sendable, Hashable, Codable {
        /// Where it begins, since the begin of the load, warm-up included.
        public var second: Double
        public var arrived = 0
        public var answered = 0
        public var failed = 0
        public var tokens = 0
        /// The most that were under way at the same time.
        public var running = 0

        init(second: Double) { self.second = second }

        mutating func add(_ other: Slice) {
            arrived += other.arrived
            answered += other.answered
            failed += other.failed
            tokens += other.tokens
            running = max(running, other.running)
        }
    }

    public var kind = "answers"
    public var plan: Plan
    /// Seconds that were measured.
    public var seconds: Double
    /// The load was stopped before its end.
    public var endedEarly: Bool
    public var requests: Requests
    /// By kind, most frequent first.
    public var failures: [Failure]
    public var rates: Rates
    public var outputTokens: Int
    public var promptTokens: Int
    public var latencies: Latencies
    public var goodput: Goodput
    public var generator: Generator
    /// Rows of the domain experts, as answers tell.
    public var experts: [Share]
    public var workers: [Share]
    /// What coordinators counted in the measured time, summed; by name, without those that did not change.
    public var counters: [String: Int] = [:]
    /// Seconds per slice.
    public var sliceSeconds: Double
    public var timeline: [Slice]
}

/// Reports as JSON.
public enum ReportCoding {
    /// One object, keys sorted.
    public static func encode(_ report: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(report)
    }

    public static func decode<R: Decodable>(_ type: R.Type, from data: Data) throws -> R {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: data)
    }
}
