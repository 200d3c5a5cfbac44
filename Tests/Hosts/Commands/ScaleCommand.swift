import ArgumentParser

/// `hosts scale`
struct ScaleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Measures how a cluster grows with its hosts, each of which has a part of a core.",
        subcommands: [ScaleStageCommand.self, ScaleAnswersCommand.self])
}

/// What both have in common.
struct ScaleOptions: ParsableArguments {
    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint.", valueName: "dir")) var model: String
    @Option(help: ArgumentHelp("Part of a core for each host.", valueName: "share")) var cpu = 0.1
    @Option(help: ArgumentHelp("Seconds of one measurement.", valueName: "seconds")) var seconds = 20.0
    @Option(name: .customLong("repeat"), help: ArgumentHelp("Measurements of each figure; their median counts.", valueName: "n")) var repeats = 3
    @Option(help: ArgumentHelp("Folder for the figure and the numbers.", valueName: "dir")) var out: String

    func validate() throws {
        if !(cpu >= 0.05 && cpu <= 1) { throw ValidationError("--cpu is \(cpu); expected 0.05 to 1") }
        if !(seconds >= 2 && seconds <= 3600) { throw ValidationError("--seconds is \(seconds); expected 2 to 3600") }
        if !(1...100).contains(repeats) { throw ValidationError("--repeat is \(repeats); expected 1 to 100") }
    }

    /// What all hosts together take must leave room for the rest of the machine.
    func checkSum(hosts: Int, besides: Double) throws {
        let sum = Double(hosts) * cpu + besides
        guard sum <= 1.8 else {
            throw ValidationError("\(hosts) hosts with \(cpu) of a core each take \(sum) cores with the load; at most 1.8 are measured honestly")
        }
    }

    static func numbers(_ list: String, _ option: String) throws -> [Int] {
        let numbers = list.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard numbers.allSatisfy({ (1...16).contains($0) }), Set(numbers).count == numbers.count else {
            throw ValidationError("\(option) is \"\(list)\"; expected different numbers from 1 to 16, separated by commas")
        }
        return numbers.sorted()
    }
}
