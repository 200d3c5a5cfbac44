import ArgumentParser
import ClusterHarness

/// `hosts relay`
struct RelayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay", abstract: "Carries packets between two tun devices and delays them as standard input says.",
        shouldDisplay: false)

    @Argument(help: "NAMESPACE/DEVICE, twice.") var ends: [String]
    @Option(help: "Makes jitter and reordering repeatable.") var seed = UInt64.random(in: 0 ... .max)

    func run() throws {
        let ends = try ends.map { text in
            let parts = text.split(separator: "/")
            guard parts.count == 2 else { throw ValidationError("\(text): expected NAMESPACE/DEVICE") }
            return (namespace: String(parts[0]), device: String(parts[1]))
        }
        guard ends.count == 2 else { throw ValidationError("\(ends.count) ends; expected 2") }
        var relay = try Relay(between: ends, seed: seed)
        relay.run()
    }
}
