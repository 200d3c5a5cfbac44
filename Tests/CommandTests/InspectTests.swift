import ClusterHarness
import Foundation
import ModelFixtures
import Testing

extension Commands {
    @Suite struct Inspect {
        private struct Report: Decodable {
            var role, container, backbone: String
            var parameters_total, parameters_activated, experts, top_k: Int
            var activated_percent: Double
            var expert_domains: [String]
            var mixture_layers: [Int]
            var number_types: [String: Int]
            var digest: String?
        }

        private func report(_ program: Program, _ arguments: [String]) async throws -> Report {
            let outcome = try await program.succeed(["inspect", "--json"] + arguments)
            return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
        }

        @Test("the facts of the bundled model, for people and for programs")
        func theFactsOfTheBundledModelForPeopleAnd() async throws {
            let program = try Program()
            let text = try await program.succeed(["inspect", Checkout.bundledModel]).output
            for fact in ["10,646,412 in total", "7,992,204 per token (75.1 %)", "0 CT, 1 MRI, 2 X-Ray, 3 Pathology", "complete model", "StableLM, 6 layers", "top-1"] {
                #expect(text.contains(fact), "\(fact) is not in:\n\(text)")
            }
            let facts = try await report(program, [Checkout.bundledModel])
            #expect(facts.parameters_total == 10_646_412)
            #expect(facts.parameters_activated == 7_992_204)
            #expect(abs(facts.activated_percent - 75.07) < 0.01)
            #expect(facts.expert_domains == ["CT", "MRI", "X-Ray", "Pathology"])
            #expect(facts.mixture_layers == [0, 2, 4] && facts.experts == 4 && facts.top_k == 1)
            let digest = try #require(facts.digest)
            #expect(digest.count == 64 && text.contains(digest))
        }

        @Test("the digest is that of the model in every container and in its coordinator's part")
        func theDigestIsThatOfTheModelInEvery() async throws {
            let program = try Program()
            let sharded = try CheckpointCopy(of: .stableLM, in: program.folder.appending("sharded"))
            let expected = try #require(try await report(program, [sharded.path]).digest)

            let torch = try CheckpointCopy(of: .stableLM, in: program.folder.appending("torch"))
            for file in try FileManager.default.contentsOfDirectory(atPath: torch.path) where file.contains("safetensors") {
                try torch.remove(file)
            }
            try FileManager.default.copyItem(
                at: ModelFixture.stableLM.folder.appending(path: "pytorch_model.bin"), to: torch.url("pytorch_model.bin"))
            let coordinator = program.folder.appending("coordinator")
            try await program.succeed(["shard", sharded.path, "--coordinator", "--out", coordinator])
            let single = try CheckpointCopy(of: .stableLM, in: program.folder.appending("single"))
            try joinShards(of: single)

            for path in [torch.path, coordinator, single.path] {
                let facts = try await report(program, [path])
                #expect(facts.digest == expected, "\(path)")
            }
            #expect(try await report(program, [torch.path]).container != report(program, [single.path]).container)
            let changed = try CheckpointCopy(of: .stableLM, in: program.folder.appending("changed"))
            try changed.edit { _, data in data[0] ^= 1 }
            #expect(try await report(program, [changed.path]).digest != expected)
        }

        @Test("verifying finds bytes that were changed after they were digested")
        func verifyingFindsBytesThatWereChangedAfterTheyWere() async throws {
            let program = try Program()
            let shard = program.folder.appending("shard")
            try await program.succeed(["shard", ModelFixture.stableLM.checkpoint.path, "--experts", "0", "--out", shard])
            try await program.succeed(["inspect", "--verify", shard])
            let files = try FileManager.default.contentsOfDirectory(atPath: shard).filter { $0.hasSuffix(".safetensors") }
            let file = URL(filePath: shard + "/" + (try #require(files.first)))
            var data = try Data(contentsOf: file)
            data[data.count - 1] ^= 1
            try data.write(to: file)
            expectRefusal(try await program.run(["inspect", "--verify", shard]), naming: file.lastPathComponent, "digest")
            let worker = try await program.run(
                ["worker", "--verify", "--model", shard, "--connect", "ipc://\(program.folder.path)/w"], within: .seconds(20))
            expectRefusal(worker, naming: file.lastPathComponent, "digest")
        }

        /// Makes one safetensors file of the two of a copy, as older writers do.
        private func joinShards(of copy: CheckpointCopy) throws {
            let second = "model-00002-of-00002.safetensors"
            let other = try Data(contentsOf: copy.url(second))
            let length = other.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
            let otherHeader = try #require(JSONSerialization.jsonObject(with: other.dropFirst(8).prefix(length)) as? [String: Any])
            try copy.edit { header, data in
                for (name, value) in otherHeader where name != "__metadata__" {
                    var entry = try #require(value as? [String: Any])
                    let offsets = try #require(entry["data_offsets"] as? [Int])
                    entry["data_offsets"] = offsets.map { $0 + data.count }
                    header[name] = entry
                }
                data += other.dropFirst(8 + length)
            }
            try FileManager.default.moveItem(at: copy.url(copy.fileName), to: copy.url("model.safetensors"))
            try copy.remove(second)
            try copy.remove("model.safetensors.index.json")
        }
    }
}
