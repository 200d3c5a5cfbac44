import ClusterHarness
import Foundation

/// Commands as the README prints them, each with the node at whose prompt it stands.
struct PrintedCommand: Sendable, Hashable {
    let node: String
    let line: String

    /// The console block under the heading "Two machines"; empty when there is none.
    static func twoMachines() throws -> [PrintedCommand] {
        let text = try String(contentsOf: Checkout.root.appending(path: "README.md"), encoding: .utf8)
        guard let heading = text.range(of: "\n## Two machines\n") else { return [] }
        let section = text[heading.upperBound...]
        let end = section.range(of: "\n## ")?.lowerBound ?? section.endIndex
        guard let start = section[..<end].range(of: "```console\n")?.upperBound,
            let stop = section[start..<end].range(of: "\n```")?.lowerBound
        else { return [] }
        return section[start..<stop].split(separator: "\n").compactMap { line in
            guard let prompt = line.range(of: "$ "), line.hasPrefix("node-") else { return nil }
            return PrintedCommand(node: String(line[..<prompt.lowerBound]), line: String(line[prompt.upperBound...]))
        }
    }

    /// Whether it goes on until somebody ends it.
    var isServer: Bool { line.hasPrefix("medmoe coordinator ") || line.hasPrefix("medmoe worker ") }
}
