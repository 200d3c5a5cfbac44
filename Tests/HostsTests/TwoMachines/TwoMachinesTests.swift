import ClusterHarness
import Foundation
import Testing

extension TestHosts {
    /// The README's section "Two machines", as printed.
    @Suite(
        .abilities([.secureShell]), .enabled(if: Program.path != nil, "the medmoe program is not beside the test bundle"),
        .enabled("medmoe has no command `keys`, which the README's two machines need") { try await hasKeysCommand() })
    struct TwoMachines {
        @Test("the README's commands for two machines, run as printed, give an answer")
        func theReadmesCommandsForTwoMachinesRunAsPrintedGive() async throws {
            let commands = try PrintedCommand.twoMachines()
            try #require((2...8).contains(commands.count), "README.md has \(commands.count) commands under \"Two machines\"")
            let medmoe = URL(filePath: try #require(Program.path))
            let program = try Program()
            let field = try HostField([HostPlan("node-a"), HostPlan("node-b")])
            field.removeAlso(program.folder)
            let nodes = try field.hosts.map { try Node($0, program, binaries: medmoe.deletingLastPathComponent().path) }
            let shells = try await SecureShell.start(on: nodes)
            try FileManager.default.copyItem(atPath: Checkout.chest, toPath: nodes[0].home + "/scan.jpg")
            var servers: [(line: String, process: RunningProgram)] = []
            var last: ProgramOutcome?
            for command in commands {
                let node = try #require(nodes.first { $0.host.name == command.node }, "\(command)")
                // The one thing that the README leaves to the reader.
                let words = command.line.split(separator: " ").map { $0 == "DIR" ? Checkout.bundledModel : String($0) }
                let running = try node.start((command.isServer ? "exec " : "") + words.joined(separator: " "))
                if command.isServer {
                    servers.append((command.line, running))
                    try await eventually(within: .seconds(60), "\(command.line): it serves") {
                        if let end = running.end { throw HarnessError("\(command.line) \(end): \(running.errors)") }
                        return running.errors.contains("ready for workers") || running.errors.contains("serving tcp://")
                    }
                } else {
                    let outcome = try await running.outcome(within: .seconds(60))
                    try #require(
                        outcome.succeeded, "\(command.node)$ \(command.line)\n\(outcome)\n\(servers.map(\.process.errors))\n\(shells.map(\.errors))")
                    last = outcome
                }
            }
            let question = ["ask", "--image", Checkout.chest, "--model", Checkout.bundledModel, "Is there a fracture?"]
            let alone = try await program.run(question)
            #expect(alone.succeeded && !alone.output.isEmpty, "\(alone)")
            #expect(last?.output == alone.output, "\(String(describing: last))")
            #expect(commands.last?.line.hasPrefix("medmoe ask ") == true)
            for server in servers { #expect(server.process.end == nil, "\(server.line): \(server.process.errors)") }
            field.close()
        }
    }
}

private func hasKeysCommand() async throws -> Bool {
    guard try PrintedCommand.twoMachines().contains(where: { $0.line.hasPrefix("medmoe keys ") }) else { return true }
    return try await Program().run(["help", "keys"]).output.contains("keys new")
}
