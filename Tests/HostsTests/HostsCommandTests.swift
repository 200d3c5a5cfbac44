import ClusterHarness
import Foundation
import Testing

extension TestHosts {
    /// The `hosts` program.
    @Suite(.abilities([]), .enabled(if: Program.path != nil, "the medmoe program is not beside the test bundle"))
    struct HostsCommand {
        private func started(_ program: Program, _ arguments: [String] = []) async throws -> RunningProgram {
            let path = try #require(Program.hostsPath)
            let running = try program.startCommand([path, "run", "--workers", "2"] + arguments)
            try await eventually(within: .seconds(60), every: .milliseconds(50), "the cluster runs: \(running.errors)") {
                if let end = running.end { throw HarnessError("hosts run \(end): \(running.errors)") }
                return running.output.contains("worker-1")
            }
            return running
        }

        @Test("an owner that is killed leaves nothing", .abilities([.processorLimit, .delay]))
        func anOwnerThatIsKilledLeavesNothing() async throws {
            let program = try Program()
            let owner = try await started(program, ["--cpu", "0.5", "--delay", "1ms"])
            #expect(System.traces(of: owner.processID).count >= 8)
            owner.kill()
            try await eventually(within: .seconds(20), every: .milliseconds(50), "everything is gone") {
                System.traces(of: owner.processID).isEmpty
            }
        }

        @Test("a cluster on hosts answers from here and from a host, as it says, and Ctrl-C ends it")
        func aClusterOnHostsAnswersFromHereAndFromA() async throws {
            let program = try Program()
            let running = try await started(program)
            let commands = running.output.split(separator: "\n").filter { $0.hasPrefix("Ask from ") }
                .compactMap { line in line.firstIndex(of: ":").map { String(line[line.index(after: $0)...]) } }
            #expect(commands.count == 2)
            for command in commands {
                let answer = try await program.startCommand(["/bin/sh", "-c", command]).outcome(within: .seconds(60))
                #expect(answer.succeeded && answer.output == "chest\n", "\(answer)")
            }
            running.signal(SIGINT)
            let ended = try await running.outcome(within: .seconds(30))
            #expect(ended.succeeded, "\(ended)")
            #expect(System.traces(of: running.processID).isEmpty)
        }

        @Test("abilities are printed, each with what provides it")
        func abilitiesArePrintedEachWithWhatProvidesIt() async throws {
            let program = try Program()
            let outcome = try await program.startCommand([try #require(Program.hostsPath), "abilities"]).outcome(within: .seconds(30))
            for ability in HostAbility.allCases { #expect(outcome.output.contains(ability.rawValue), "\(outcome)") }
            #expect(System.traces(of: getpid()).isEmpty)
        }
    }
}
