import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe cluster plan`
    @Suite struct ClusterPlan {
        private struct Plan: Decodable {
            struct Worker: Decodable {
                var name: String
                var experts: [Int]
                var domains: [String]
                var bytes: Int
                var share_of_rows: Double
            }

            struct Expert: Decodable {
                var expert: Int
                var domain: String?
                var replicas: Int
            }

            var workers: [Worker]
            var experts: [Expert]
        }

        private func plan(_ program: Program, _ arguments: [String]) async throws -> Plan {
            let outcome = try await program.succeed(["cluster", "plan", "--model", Checkout.bundledModel, "--format", "json"] + arguments)
            return try JSONDecoder().decode(Plan.self, from: Data(outcome.output.utf8))
        }

        /// Bytes of one expert of the bundled model, and of its meta expert: three layers of three matrices of 192 × 512 floats.
        private let part = 3 * 3 * 192 * 512 * 4

        @Test("a plan deals the experts to workers that have room for half of them")
        func aPlanDealsTheExpertsToWorkersThatHave() async throws {
            let program = try Program()
            let file = program.folder.appending("plan.json")
            let plan = try await plan(program, ["--workers", "2", "--memory", "\(3 * part)", "--out", file])
            #expect(plan.workers.map(\.name) == ["worker-0", "worker-1"])
            #expect(plan.workers.allSatisfy { $0.experts.count == 2 && $0.bytes == 3 * part && $0.share_of_rows == 0.5 })
            #expect(Set(plan.workers.flatMap(\.experts)) == [0, 1, 2, 3])
            #expect(Set(plan.workers.flatMap(\.domains)) == ["CT", "MRI", "X-Ray", "Pathology"])
            #expect(try JSONDecoder().decode(Plan.self, from: Data(contentsOf: URL(filePath: file))).workers.map(\.experts) == plan.workers.map(\.experts))
        }

        @Test("the table and the lines for a shell say the same as the JSON, for a coordinator's part as for the whole model")
        func theTableAndTheLinesForAShellSay() async throws {
            let program = try Program()
            let folder = program.folder.appending("coordinator")
            try await program.succeed(["shard", Checkout.bundledModel, "--coordinator", "--out", folder])
            let memory = ["--workers", "4", "--memory", "\(2 * part),\(2 * part),\(2 * part),\(2 * part + 1)"]
            let plan = try await plan(program, memory)
            for model in [Checkout.bundledModel, folder] {
                let lines = try await program.succeed(["cluster", "plan", "--model", model, "--format", "lines"] + memory)
                #expect(lines.outputLines == plan.workers.map { "\($0.name) \($0.experts.map(String.init).joined(separator: ","))" })
            }
            let table = try await program.succeed(["cluster", "plan", "--model", folder] + memory)
            for word in ["worker-3", "X-Ray", "share of rows", "25 %", "replicas"] { #expect(table.output.contains(word), "\(table)") }
        }

        @Test("traffic from a status report gives the hot expert more replicas")
        func trafficFromAStatusReportGivesTheHotExpert() async throws {
            let program = try Program()
            let rows = [10, 10, 970, 10].enumerated().map { "{\"expert\": \($0), \"rows_done\": \($1), \"replicas\": 1}" }
            let file = try program.folder.write("stats.json", "{\"covered\": true, \"experts\": [\(rows.joined(separator: ","))]}")
            let plan = try await plan(program, ["--workers", "4", "--memory", "11MB", "--traffic", file])
            // Two experts fit each of the four workers.
            #expect(plan.workers.allSatisfy { $0.experts.count == 2 && $0.bytes <= 11_000_000 })
            #expect(plan.experts[2].replicas == 4 && plan.experts.allSatisfy { $0.replicas >= 1 })
        }

        @Test("too few replicas for what was wished are said aloud")
        func tooFewReplicasForWhatWasWishedAreSaid() async throws {
            let program = try Program()
            let outcome = try await program.succeed(
                ["cluster", "plan", "--model", Checkout.bundledModel, "--workers", "2", "--memory", "\(4 * part)", "--replicas", "2"])
            #expect(outcome.errors.contains("there is no room for 2 copies of expert"), "\(outcome)")
        }

        @Test("what cannot be placed says how much is needed")
        func whatCannotBePlacedSaysHowMuchIsNeeded() async throws {
            let program = try Program()
            let small = try await program.run(["cluster", "plan", "--model", Checkout.bundledModel, "--workers", "2", "--memory", "6MiB"])
            expectRefusal(small, naming: "expert", "\(2 * part)")
            let few = try await program.run(["cluster", "plan", "--model", Checkout.bundledModel, "--workers", "1", "--memory", "16M"])
            expectRefusal(few, naming: "every expert once", "\(5 * part)", "16000000")
            let file = try program.folder.write("stats.json", "{\"workers\": []}")
            let traffic = try await program.run(
                ["cluster", "plan", "--model", Checkout.bundledModel, "--workers", "1", "--memory", "1G", "--traffic", file])
            expectRefusal(traffic, naming: "stats.json", "medmoe cluster status --json")
        }

        @Test("sizes that make no sense are wrong usage", arguments: ["", "M", "-5M", "1X", "1e9G", "2G,3G", "1i", "nan"])
        func sizesThatMakeNoSenseAreWrongUsage(memory: String) async throws {
            let outcome = try await Program().run(
                ["cluster", "plan", "--model", Checkout.bundledModel, "--workers", "3", "--memory=\(memory)"])
            expectRefusal(outcome, naming: "--memory", usage: true)
        }
    }
}
