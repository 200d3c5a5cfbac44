import ClusterHarness
import Foundation
import ModelFixtures
import Testing

extension Commands {
    /// Model folders that are not what they should be.
    @Suite struct BadCheckpoints {
        private let program: Program

        init() throws { program = try Program() }

        private func copy(_ name: String) throws -> CheckpointCopy {
            try CheckpointCopy(of: .stableLM, in: program.folder.appending(name))
        }

        private func ask(_ model: String) async throws -> ProgramOutcome {
            try await program.run(["ask", "--model", model, "--threads", "1", "--max-tokens", "1", "Is it?"], within: .seconds(20))
        }

        @Test("an undamaged copy answers")
        func anUndamagedCopyAnswers() async throws {
            #expect(try await ask(copy("good").path).succeeded)
        }

        @Test("a folder that is missing, empty or without a configuration is named")
        func aFolderThatIsMissingEmptyOrWithoutA() async throws {
            for arguments in [
                ["ask", "--model", "/nonexistent/model", "Is it?"], ["inspect", "/nonexistent/model"],
                ["shard", "/nonexistent/model", "--coordinator", "--out", program.folder.appending("out")],
                ["worker", "--model", "/nonexistent/model", "--connect", "tcp://127.0.0.1:9"],
                ["coordinator", "--model", "/nonexistent/model", "--listen", "ipc://\(program.folder.path)/w"],
                ["ask", "--model", "/nonexistent/model", "--workers", "2", "Is it?"],
            ] {
                expectRefusal(try await program.run(arguments, within: .seconds(20)), naming: "/nonexistent/model")
            }
            let copy = try copy("without")
            try copy.remove("config.json")
            for arguments in [["ask", "--model", copy.path, "Is it?"], ["inspect", copy.path]] {
                expectRefusal(try await program.run(arguments), naming: copy.path, "config.json")
            }
            try copy.write("config.json", "{\"model_type\": ".utf8)
            expectRefusal(try await ask(copy.path), naming: "config.json")
        }

        @Test("a truncated file is named")
        func aTruncatedFileIsNamed() async throws {
            let copy = try copy("cut")
            let data = try Data(contentsOf: copy.url(copy.fileName))
            for size in [0, 5, 1000, data.count - 1] {
                try copy.write(copy.fileName, data.prefix(size))
                expectRefusal(try await ask(copy.path), naming: copy.fileName)
            }
        }

        @Test("a header of impossible size is named")
        func aHeaderOfImpossibleSizeIsNamed() async throws {
            let copy = try copy("huge")
            try copy.write(copy.fileName, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F] + Array("{}".utf8))
            expectRefusal(try await ask(copy.path), naming: copy.fileName, "header")
        }

        @Test("a tensor that comes twice is named")
        func aTensorThatComesTwiceIsNamed() async throws {
            let copy = try copy("twice")
            try copy.editText { text, _ in
                let entry = try #require(text.firstRange(of: "\"lm_head.weight\":"))
                let end = try #require(text[entry.upperBound...].firstIndex(of: "}"))
                text.insert(contentsOf: text[entry.lowerBound...end] + ",", at: entry.lowerBound)
            }
            expectRefusal(try await ask(copy.path), naming: copy.fileName, "lm_head.weight")
        }

        @Test("a tensor of another number type or shape, or without a name, is named with its file")
        func aTensorOfAnotherNumberTypeOrShapeOr() async throws {
            let type = try copy("type")
            try type.set("dtype", of: "lm_head.weight", to: "I32")
            expectRefusal(try await ask(type.path), naming: type.path, "lm_head.weight", "I32")
            let unknown = try copy("unknown")
            try unknown.set("dtype", of: "lm_head.weight", to: "F31")
            expectRefusal(try await ask(unknown.path), naming: unknown.fileName, "lm_head.weight", "F31")
            let shape = try copy("shape")
            try shape.set("shape", of: "lm_head.weight", to: [64, 400])
            expectRefusal(try await ask(shape.path), naming: shape.path, "lm_head.weight", "[64, 400]")
            let missing = try copy("missing")
            try missing.edit { header, _ in header["lm_head.other"] = header.removeValue(forKey: "lm_head.weight") }
            expectRefusal(try await ask(missing.path), naming: missing.fileName, "lm_head.other", "index")
            let index = try Data(contentsOf: missing.url("model.safetensors.index.json"))
            try missing.write(
                "model.safetensors.index.json", String(decoding: index, as: UTF8.self).replacing("lm_head.weight", with: "lm_head.other").utf8)
            expectRefusal(try await ask(missing.path), naming: missing.path, "lm_head.weight")
        }

        @Test("a worker with a damaged expert ends a local fleet with the worker's reason")
        func aWorkerWithADamagedExpertEndsALocal() async throws {
            let copy = try copy("expert")
            try copy.edit { header, _ in
                let name = try #require(header.keys.first { $0.contains("deepspeed_experts.1.") })
                var entry = try #require(header[name] as? [String: Any])
                let shape = try #require(entry["shape"] as? [Int])
                entry["shape"] = Array(shape.reversed())
                header[name] = entry
            }
            let outcome = try await program.run(
                ["ask", "--model", copy.path, "--workers", "2", "--max-tokens", "1", "Is it?"], within: .seconds(20))
            #expect(outcome.end == .exited(1), "\(outcome)")
            #expect(outcome.errors.contains("deepspeed_experts.1."), "\(outcome)")
        }

        @Test("a pickle that would run a program runs nothing")
        func aPickleThatWouldRunAProgramRunsNothing() async throws {
            let copy = try copy("pickle")
            for file in try FileManager.default.contentsOfDirectory(atPath: copy.path) where file.contains("safetensors") {
                try copy.remove(file)
            }
            let proof = program.folder.appending("proof")
            let command = Array("touch \(proof)".utf8)
            var archive = StoredZip()
            archive.add(
                "archive/data.pkl",
                [0x80, 2] + Array("cos\nsystem\n".utf8) + [0x58, UInt8(command.count), 0, 0, 0] + command + [0x85, 0x52, 0x2E])
            archive.add("archive/version", Array("3\n".utf8))
            try copy.write("pytorch_model.bin", archive.file)
            for arguments in [["ask", "--model", copy.path, "Is it?"], ["inspect", copy.path]] {
                expectRefusal(try await program.run(arguments), naming: "pytorch_model.bin", "os", "system", "safetensors")
            }
            #expect(!FileManager.default.fileExists(atPath: proof))
        }

        @Test("a worker's part does not answer, and a coordinator's part without workers says so")
        func aWorkersPartDoesNotAnswerAndACoordinators() async throws {
            let model = ModelFixture.stableLM.checkpoint.path
            let (part, rest) = (program.folder.appending("part"), program.folder.appending("rest"))
            try await program.succeed(["shard", model, "--experts", "1", "--out", part])
            try await program.succeed(["shard", model, "--coordinator", "--out", rest])
            expectRefusal(try await ask(part), naming: part, "--coordinator")
            expectRefusal(try await ask(rest), naming: rest, "no experts", "--worker-model")
            expectRefusal(
                try await program.run(["worker", "--model", part, "--experts", "2", "--connect", "tcp://127.0.0.1:9"], within: .seconds(20)),
                naming: part, "expert")
            expectRefusal(
                try await program.run(["shard", model, "--experts", "2", "--out", part]), naming: part, "not empty")
        }
    }
}
