import ArgumentParser
import ClusterHarness

/// `hosts clean`
struct CleanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean", abstract: "Removes what processes left that did not live to do it: namespaces, control groups, settings.")

    func run() throws {
        let owners = try Leftovers.removeAllOfTheDead()
        print(owners == 0 ? "nothing was left" : "removed what \(owners) dead process\(owners == 1 ? "" : "es") left")
    }
}
