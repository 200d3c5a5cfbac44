import ArgumentParser
import Cluster
import MedMoE
import Wire

/// `medmoe status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows a running coordinator: its workers, their experts, and what is under way.")

    @Option(help: ArgumentHelp("The coordinator's client address. Default: the one of this user on this machine.", valueName: "address"))
    var coordinator: String?

    func run() async throws {
        let endpoint = try coordinator.map { try Endpoint($0, for: .connect) } ?? CoordinatorEndpoint.standardClientEndpoint()
        let client = try await CoordinatorClient.connect(to: endpoint)
        let status: StatusReply
        do {
            status = try await client.status()
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        var table = TextTable(["worker", "experts", "tiles done", "rows done", "outstanding rows", "silent ms"])
        for worker in status.workers {
            table.add([
                worker.name, worker.experts.map { status.domains.indices.contains($0) ? status.domains[$0] : "\($0)" }.joined(separator: ", "),
                "\(worker.tilesDone)", "\(worker.rowsDone)", "\(worker.outstandingRows)", "\(worker.silentMilliseconds)",
            ])
        }
        Terminal.write(table.text + "\n")
        if status.draining { Terminal.write("SHUTTING DOWN: no new requests are taken\n") }
        if !status.modelDigest.isEmpty { Terminal.write("model: \(status.modelDigest)\n") }
        Terminal.write("requests: \(status.runningRequests) running, \(status.waitingRequests) waiting; tiles waiting: \(status.waitingTiles)\n")
        if !status.covered {
            let missing = status.missing.map { ExpertAddress(layer: $0.layer, expert: $0.expert) }
            Terminal.write("NOT COVERED: \(DispatchError.expertsLost(missing))\n")
        }
        for (name, value) in status.counters.sorted(by: { $0.key < $1.key }) where value > 0 { Terminal.write("\(name): \(value)\n") }
    }
}
