import ArgumentParser
import ClusterHarness
import Foundation

/// `hosts abilities`
struct AbilitiesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abilities", abstract: "Tries what this machine can do for test hosts, and prints it.",
        discussion: "The exit status is 1 when something is missing.")

    func run() throws {
        let findings = HostAbilities.here.findings
        let width = HostAbility.allCases.map(\.rawValue.count).max() ?? 0
        var isComplete = true
        for ability in HostAbility.allCases {
            guard let finding = findings[ability] else { continue }
            print(ability.rawValue.padding(toLength: width, withPad: " ", startingAt: 0) + "  \(finding)")
            if case .missing = finding { isComplete = false }
        }
        guard isComplete else { throw ExitCode(1) }
    }
}
