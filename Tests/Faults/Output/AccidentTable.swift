import ArgumentParser
import ClusterHarness

/// Lets accidents happen, one after the other, and prints a line for each.
enum AccidentTable {
    /// - Throws: `ExitCode` 1 when something is not as promised.
    static func run(_ scenarios: [FaultScenario], _ bench: FaultBench) async throws {
        let undisturbed = try await bench.undisturbed()
        let reference = decimals(undisturbed.load.stall(99))
        let table = FixedTable([
            ("fault", scenarios.map(\.name.count).max() ?? 0), ("requests", 8), ("failed", 6), ("wrong tokens", 6),
            ("stall p99 ms", 6), ("(undisturbed)", 6), ("used again after", 8),
        ])
        var complaints: [String] = []
        for scenario in scenarios {
            do {
                let outcome = try await bench.run(scenario, undisturbed)
                table.add([
                    scenario.name, "\(outcome.load.answers.count)", "\(outcome.load.failed.count)", "\(outcome.wrong)",
                    decimals(outcome.stall), "(\(reference))", "\(outcome.recovery)",
                ])
                if !outcome.complaints.isEmpty { complaints.append("\(scenario.name): \(outcome.complaints.joined(separator: "; "))") }
            } catch let error where !Task.isCancelled {
                table.add([scenario.name, "-", "-", "-", "-", "(\(reference))", "BROKEN"])
                complaints.append("\(scenario.name): \(error)")
            }
        }
        guard complaints.isEmpty else {
            say("\nNOT AS PROMISED")
            complaints.forEach(say)
            throw ExitCode(1)
        }
        say("\nas promised: no request failed, no token differs, no stall beyond the bound")
    }
}
