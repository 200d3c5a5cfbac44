import Glibc

/// Random accidents, one after the other, under steady load.
///
/// There are three workers, so that whichever one is away, every expert has a holder. The next accident waits until the last
/// victim is back.
package struct Soak: Sendable {
    /// What happened in one minute.
    package struct Minute: Sendable {
        package var minute: Int
        package var load: LoadOutcome
        package var accidents: Int
        package var coordinatorBytes: Int?
    }

    package struct Outcome: Sendable {
        package var load: LoadOutcome
        /// Answers in time, as a part of what was asked.
        package var goodput: Double
        package var accidents: [String: Int]
        package var bytesAtStart: Int?
        package var bytesAtEnd: Int?
    }

    private enum Accident: String, CaseIterable {
        case kill = "KILL and restart"
        case stop = "STOP and CONT"
        case drain = "SIGTERM and a new worker"
    }

    private let askers: Int
    private let deadline: Duration
    private let lasting: Duration
    private let seed: UInt64

    package init(askers: Int = 8, deadline: Duration = .seconds(30), lasting: Duration, seed: UInt64 = 1) {
        self.askers = askers
        self.deadline = deadline
        self.lasting = lasting
        self.seed = seed
    }

    package func run(_ questions: [Question], report: (Minute) -> Void) async throws -> Outcome {
        var random = SeededGenerator(seed)
        let cluster = try await ClusterUnderTest(Program(), model: Checkout.bundledModel, .tcp)
        let parts: [(name: String, experts: String)] = [("left", "0,1"), ("right", "2,3"), ("all", "0,1,2,3")]
        var generation = 0
        func start(_ part: Int) throws -> RunningProgram {
            generation += 1
            return try cluster.startWorker("\(parts[part].name)-\(generation)", experts: parts[part].experts)
        }
        var workers = try parts.indices.map { try start($0) }
        try await cluster.waitUntilCovered(by: parts.count)
        let load = try await SteadyLoad(questions, at: cluster.serving, askers: askers, deadline: deadline)
        let begin = ContinuousClock.now
        let end = begin.advanced(by: lasting)
        var accidents: [String: Int] = [:]
        var minute = 1
        var reported = (answers: 0, accidents: 0)
        var bytesAtStart: Int?
        func reportMinutes() {
            while begin.duration(to: .now) >= .seconds(60 * minute) {
                let answers = load.progress.answers
                let bytes = ResidentMemory.bytes(of: cluster.coordinator.processID)
                bytesAtStart = bytesAtStart ?? bytes
                let total = accidents.values.reduce(0, +)
                report(
                    Minute(
                        minute: minute, load: LoadOutcome(answers: Array(answers[reported.answers...]), lasted: .seconds(60)),
                        accidents: total - reported.accidents, coordinatorBytes: bytes))
                reported = (answers.count, total)
                minute += 1
            }
        }
        while ContinuousClock.now < end {
            try await pause(.milliseconds(Int.random(in: 200...3000, using: &random)), until: end, reportMinutes)
            guard ContinuousClock.now < end else { break }
            let part = Int.random(in: parts.indices, using: &random)
            let accident = Accident.allCases[Int.random(in: 0..<Accident.allCases.count, using: &random)]
            switch accident {
            case .kill:
                workers[part].kill()
                try await pause(.milliseconds(Int.random(in: 0...2000, using: &random)), until: end, reportMinutes)
                workers[part] = try start(part)
            case .stop:
                workers[part].signal(SIGSTOP)
                try await pause(.milliseconds(Int.random(in: 50...6000, using: &random)), until: end, reportMinutes)
                workers[part].signal(SIGCONT)
            case .drain:
                // The new one comes first, as whoever replaces workers in order has it.
                let successor = try start(part)
                workers[part].signal(SIGTERM)
                let ended = try await workers[part].outcome(within: .seconds(60))
                guard ended.succeeded else { throw HarnessError("a drained worker ended badly: \(ended)") }
                workers[part] = successor
            }
            accidents[accident.rawValue, default: 0] += 1
            try await eventually(within: .seconds(60), every: .milliseconds(50), "all workers are back after \(accident.rawValue)") {
                reportMinutes()
                guard let status = try? await cluster.status() else { return false }
                return status.covered && status.workers.count == parts.count
                    && !status.workers.contains { $0.isLeaving || $0.isStuck || $0.silentMilliseconds > 2500 }
            }
        }
        reportMinutes()
        let outcome = await load.stop()
        let inTime = outcome.answers.count { $0.failure == nil && $0.ended - $0.asked <= deadline }
        return Outcome(
            load: outcome, goodput: Double(inTime) / Double(max(1, outcome.answers.count)), accidents: accidents,
            bytesAtStart: bytesAtStart, bytesAtEnd: ResidentMemory.bytes(of: cluster.coordinator.processID))
    }

    private func pause(_ duration: Duration, until end: ContinuousClock.Instant, _ body: () -> Void) async throws {
        let wake = min(end, ContinuousClock.now.advanced(by: duration))
        while ContinuousClock.now < wake {
            body()
            try await Task.sleep(until: min(wake, ContinuousClock.now.advanced(by: .seconds(1))), clock: .continuous)
        }
    }
}

/// The same numbers for the same seed.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(_ seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
