import ArgumentParser
import ClusterHarness
import Foundation

/// `hosts run`
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs coordinators and expert workers on a host each, until Ctrl-C.",
        discussion: """
            The experts are dealt to the workers; more workers than experts are replicas. Limits count for each worker's host, \
            and delay, jitter and loss for its link, each way.
            """)

    @Option(help: ArgumentHelp("Hosts with a worker each.", valueName: "n")) var workers = 2
    @Option(help: ArgumentHelp("Hosts with a coordinator each; all of them use all workers.", valueName: "n")) var coordinators = 1
    @Option(help: ArgumentHelp("Folder of the checkpoint. Default: the bundled one.", valueName: "dir")) var model = Checkout.bundledModel
    @Option(help: ArgumentHelp("Part of a core: 0.1.", valueName: "share")) var cpu: Double?
    @Option(help: ArgumentHelp("Memory: 2G, 512M.", valueName: "bytes")) var memory: MemorySize?
    @Option(help: ArgumentHelp("Bits per second, each way: 100mbit.", valueName: "rate")) var rate: BitRate?
    @Option(help: ArgumentHelp("Delay each way: 5ms.", valueName: "time")) var delay: TimeSpan?
    @Option(help: ArgumentHelp("So much more delay at most: 1ms.", valueName: "time")) var jitter: TimeSpan?
    @Option(help: ArgumentHelp("Packets that vanish, of a hundred.", valueName: "percent")) var loss: Double?

    func validate() throws {
        if !(1...32).contains(workers) { throw ValidationError("--workers is \(workers); expected 1 to 32") }
        if !(1...8).contains(coordinators) { throw ValidationError("--coordinators is \(coordinators); expected 1 to 8") }
        if let cpu, !(0.01...64).contains(cpu) { throw ValidationError("--cpu is \(cpu); expected 0.01 to 64") }
        if let loss, !(0...100).contains(loss) { throw ValidationError("--loss is \(loss); expected 0 to 100") }
    }

    func run() async throws {
        do {
            try await interruptedBySignals { try await serve() }
        } catch is Interrupted {
            print("\nended, and removed the hosts")
        }
    }

    private func serve() async throws {
        let program = try Program()
        let experts = try await ModelFacts.experts(of: model, program)
        let condition = NetworkCondition(
            delay: delay?.duration ?? .zero, jitter: jitter?.duration ?? .zero, loss: (loss ?? 0) / 100)
        let hosted = try await HostedCluster(program, plan(experts), within: .seconds(cpu.map { 60 + 30 / $0 } ?? 60))
        defer { hosted.close() }
        for (host, _) in hosted.workers { try host.impose(condition) }
        sayWhereToAsk(hosted)
        try await HostTable(hosted).show()
    }

    private func plan(_ experts: Int) -> HostedCluster.Plan {
        let isFar = delay != nil || jitter != nil
        return HostedCluster.Plan(
            model: model, coordinators: (0..<coordinators).map { HostPlan("front-\($0)") },
            workers: HostedCluster.Plan.deal(experts, to: workers).enumerated().map { number, held in
                let host = HostPlan(
                    "worker-\(number)", processorShare: cpu, memory: memory?.bytes, rate: rate?.bitsPerSecond, isFar: isFar)
                return (host, held)
            })
    }

    private func sayWhereToAsk(_ hosted: HostedCluster) {
        let medmoe = Program.path ?? "medmoe"
        let question = "--image \(Checkout.chest) \"What organ system is being imaged?\""
        for cluster in hosted.coordinators { print("Ask from here:       \(medmoe) ask --coordinator \(cluster.serving) \(question)") }
        let keys = hosted.coordinators.first?.keys?.client.joined(separator: " ") ?? ""
        if let cluster = hosted.coordinators.first, let address = cluster.servingHosts, let host = hosted.workers.first?.host {
            print("Ask from a host:     ip netns exec \(host.namespace) \(medmoe) ask --coordinator \(address) \(keys) \(question)")
        }
        for host in hosted.field.hosts { print("Look around on \(host.name): ip netns exec \(host.namespace) bash") }
        print("Ctrl-C ends all of it. For research only, not for clinical use.\n")
    }
}

/// What a checkpoint says of itself.
enum ModelFacts {
    private struct Inspection: Decodable { var experts: Int }

    /// Number of domain experts.
    static func experts(of model: String, _ program: Program) async throws -> Int {
        let outcome = try await program.run(["inspect", "--json", model])
        guard outcome.succeeded, let facts = try? JSONDecoder().decode(Inspection.self, from: Data(outcome.output.utf8)), facts.experts > 0
        else { throw HarnessError("\(model) does not tell how many experts it has: \(outcome)") }
        return facts.experts
    }
}
