import ArgumentParser
import Cluster
import Foundation
import MedMoE
import Wire

/// `medmoe cluster assign`
struct ClusterAssignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "assign",
        abstract: "Lets a running worker load and unload experts while it serves.",
        discussion: """
            The worker loads from its own folder. New experts are announced when they are there; dropped ones go when the tiles \
            that were sent for them are computed.

              medmoe cluster assign --worker worker-a --add X-Ray --drop CT
            """)

    @Option(help: ArgumentHelp("The worker's name, or the beginning of its run, as the status shows them.", valueName: "name"))
    var worker: String

    @Option(help: ArgumentHelp("Experts to load, by number or domain, separated by commas.", valueName: "list"))
    var add: String?

    @Option(help: ArgumentHelp("Experts to unload.", valueName: "list"))
    var drop: String?

    @OptionGroup var coordinator: CoordinatorOptions

    func validate() throws {
        if add == nil, drop == nil { throw ValidationError("Give --add LIST or --drop LIST, or both.") }
        if worker.isEmpty { throw ValidationError("--worker is empty: `medmoe status` shows the names") }
    }

    func run() async throws {
        let (reply, domains) = try await coordinator.withClient { client in
            let domains = try await client.status().domains
            let reply = try await client.assign(
                worker: worker, add: experts("--add", add, domains), drop: experts("--drop", drop, domains))
            return (reply, domains)
        }
        if let failure = reply.failure { throw AssignmentError("worker '\(worker)' did not change what it holds: \(failure)") }
        let held = reply.experts.map { domains.indices.contains($0) ? "\($0) \(domains[$0])" : "\($0)" }
        try Terminal.output("\(worker) holds \(held.joined(separator: ", "))\n")
    }

    private func experts(_ option: String, _ list: String?, _ domains: [String]) throws -> [Int] {
        let parts = (list ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        if list != nil, parts.isEmpty { throw ValidationError("\(option) names no expert: give numbers or domains, separated by commas") }
        return try Set(
            parts.map { part in
                if let index = domains.firstIndex(where: { $0.lowercased() == part.lowercased() }) { return index }
                if let index = Int(part), (0..<WireLimits.index).contains(index) { return index }
                let known = domains.isEmpty ? "this model's experts have numbers only" : "known are \(domains.joined(separator: ", "))"
                throw ValidationError("\(option): there is no expert \"\(part)\"; \(known)")
            }
        ).sorted()
    }
}
