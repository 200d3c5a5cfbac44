import Wire

/// The cluster of one scenario, in the middle of its load.
package struct FaultSite: Sendable {
    package let cluster: ClusterUnderTest
    package let victims: [RunningProgram]
    /// Where they run; nil when all run on the machine itself.
    let hosts: FaultHosts?

    package var victim: RunningProgram { victims[0] }

    /// Name of a worker to which something happens.
    package static func name(ofVictim number: Int) -> String { "victim-\(number)" }

    /// Waits until a victim that kills itself has done so.
    func waitUntilDead(_ number: Int = 0) async throws {
        try await eventually(within: .seconds(30), every: .milliseconds(2), "the victim dies") { victims[number].end != nil }
        guard case .signalled = victims[number].end else {
            throw HarnessError("the victim was to be killed: \(victims[number].process.result)")
        }
    }

    /// Starts an ordinary worker in the place of a victim that is dead, and waits until it is used.
    func replaceVictim(_ number: Int = 0) async throws -> Recovery {
        // The coordinator may still show the dead one.
        let dead = try await tilesDone(ofVictim: number)
        _ = try cluster.startWorker(FaultSite.name(ofVictim: number), on: hosts?.victims[number])
        return try await waitUntilUsed(number, beyond: dead.mapValues { _ in .max })
    }

    /// Tiles that the runs of a worker have done, by run.
    func tilesDone(ofVictim number: Int = 0) async throws -> [String: UInt64] {
        let workers = try await cluster.status().workers.filter { $0.name == FaultSite.name(ofVictim: number) }
        return Dictionary(workers.map { ($0.run, $0.tilesDone) }, uniquingKeysWith: max)
    }

    /// Waits until a victim, resumed or started again, computes tiles that are not among `before`.
    ///
    /// - Returns: how long that took
    func waitUntilUsed(_ number: Int = 0, beyond before: [String: UInt64], within limit: Duration = .seconds(30)) async throws -> Recovery {
        let start = ContinuousClock.now
        do {
            try await eventually(within: limit, every: .milliseconds(20), "the victim computes again") {
                let counts = (try? await tilesDone(ofVictim: number)) ?? [:]
                return counts.contains { run, count in count > before[run] ?? 0 }
            }
        } catch is TooLate {
            return .never
        }
        return .within(start.duration(to: .now))
    }

    /// Waits until a counter of the coordinator shows that a fault did happen.
    func waitUntilSeen(_ what: String, _ condition: (StatusReply) -> Bool) async throws {
        try await cluster.waitUntil("the coordinator notices: \(what)", within: .seconds(20), condition)
    }
}

/// The hosts of a scenario with one each for the coordinator, the workers and the victims.
struct FaultHosts: Sendable {
    static let coordinator = "front"
    static let stays = ["stays-a", "stays-b"]

    let field: HostField
    /// Hosts of the victims.
    let victims: [TestHost]
    /// Hosts of all workers, victims among them.
    let workers: [TestHost]

    /// Every worker is far, so that the network is the same in all scenarios.
    init(victims count: Int) throws {
        let names = (0..<count).map { FaultSite.name(ofVictim: $0) }
        field = try HostField([HostPlan(FaultHosts.coordinator)] + (FaultHosts.stays + names).map { HostPlan($0, isFar: true) })
        let field = field
        victims = try names.map { try field.host($0) }
        workers = try (FaultHosts.stays + names).map { try field.host($0) }
    }

    func of(_ name: String) throws -> TestHost { try field.host(name) }
}

/// Whether what was lost is used again.
package enum Recovery: Sendable, Hashable, CustomStringConvertible {
    case notApplicable
    case within(Duration)
    case never

    package var description: String {
        switch self {
        case .notApplicable: "-"
        case .within(let duration): "\(Int((duration / .milliseconds(1)).rounded())) ms"
        case .never: "NO"
        }
    }
}
