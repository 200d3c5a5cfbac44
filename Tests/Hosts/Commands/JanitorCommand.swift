import ArgumentParser
import ClusterHarness

/// `hosts janitor`
struct JanitorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "janitor", abstract: "Waits for the end of standard input, then removes an owner's hosts.", shouldDisplay: false)

    @Argument(help: "The beginning of the names of all that is to be removed.") var owner: String

    func run() throws {
        guard let tag = OwnerTag(beginOf: owner), tag.description == owner else { throw ValidationError("\(owner) names no owner") }
        try JanitorDuty.run(for: tag)
    }
}
