import Glibc
import Wire

extension FaultScenario {
    /// Everything that happens to workers while every expert has a holder that lives.
    package static let workers: [FaultScenario] = [
        killIdle, killAtTile("KILL while receiving", .killReceiving), killAtTile("KILL while computing", .killComputing),
        killAtTile("KILL while replying, before the reply", .killReplying), killAtTile("KILL while replying, after the reply", .killReplied),
        stopAndContinue, outOfMemory, slow,
        bad("reply of wrong shape", .wrongShape), bad("NaN reply", .notANumber), bad("duplicate reply", .duplicate),
        restart, killTwo, drain,
    ]

    /// A tile in the middle of the load, when there is some.
    private static let someTile = 300

    static let killIdle = FaultScenario(
        "KILL while idle",
        idle: { $0.victim.kill() },
        accident: { try await $0.replaceVictim() })

    static func killAtTile(_ name: String, _ kind: FaultDescription.Kind) -> FaultScenario {
        FaultScenario(name, victims: [FaultDescription(kind, from: someTile)]) { site in
            try await site.waitUntilDead()
            // Whoever restarts workers takes a moment.
            try await Task.sleep(for: .seconds(1))
            return try await site.replaceVictim()
        }
    }

    package static let stopAndContinue = FaultScenario("STOP for 5 s, then CONT") { site in
        let before = try await site.tilesDone()
        site.victim.signal(SIGSTOP)
        try await Task.sleep(for: .seconds(5))
        // What it did until the signal.
        let done = try await site.tilesDone().merging(before) { max($0, $1) }
        site.victim.signal(SIGCONT)
        return try await site.waitUntilUsed(beyond: done)
    }

    /// Beyond what a worker of the bundled model needs.
    private static let memoryLimit = 384 << 20

    package static let outOfMemory = FaultScenario("out of memory", victims: [FaultDescription(.leak, from: someTile)]) { site in
        // Where control groups cannot be made, the worker aborts at 1 GiB.
        let group = try? ControlGroup.memory(bytes: memoryLimit)
        try group?.add(site.victim.processID)
        try await site.waitUntilDead()
        let recovery = try await site.replaceVictim()
        withExtendedLifetime(group) {}
        return recovery
    }

    package static let slow = FaultScenario("slow by 20×", victims: [FaultDescription(.slow, from: 100)]) { site in
        // Long enough for many tiles at its pace.
        try await Task.sleep(for: .seconds(4))
        guard try await site.tilesDone().values.reduce(0, +) > 100 else { throw HarnessError("the slow worker got too few tiles") }
        return .notApplicable
    }

    static func bad(_ name: String, _ kind: FaultDescription.Kind) -> FaultScenario {
        FaultScenario(name, victims: [FaultDescription(kind, from: 100, every: 20)]) { site in
            let signs = kind == .duplicate
                ? ["replies_duplicate", "replies_late", "replies_stale"] : ["tiles_refused", "messages_malformed"]
            try await site.waitUntilSeen(name) { status in signs.contains { status.counters[$0, default: 0] > 0 } }
            return .notApplicable
        }
    }

    static let restart = FaultScenario("KILL and restart under the same name at once") { site in
        site.victim.kill()
        return try await site.replaceVictim()
    }

    package static let killTwo = FaultScenario("KILL two of three replicas at once", victims: [nil, nil]) { site in
        site.victims.forEach { $0.signal(SIGKILL) }
        site.victims.forEach { $0.kill() }
        try await Task.sleep(for: .seconds(1))
        let first = try await site.replaceVictim(0)
        return first == .never ? .never : try await site.replaceVictim(1)
    }

    package static let drain = FaultScenario("SIGTERM (drain), then a new worker") { site in
        site.victim.signal(SIGTERM)
        let ended = try await site.victim.outcome(within: .seconds(30))
        guard ended.succeeded else { throw HarnessError("a drained worker ended badly: \(ended)") }
        return try await site.replaceVictim()
    }
}
