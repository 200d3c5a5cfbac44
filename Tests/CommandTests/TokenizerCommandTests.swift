import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe tokenizer train`
    @Suite struct Tokenizers {
        private let program: Program

        init() throws { program = try Program() }

        @Test("text becomes a tokenizer of the wished size, which says what it was made of")
        func textBecomesATokenizer() async throws {
            let text = (0..<200).map { "Is there a fracture of bone number \($0 % 17)? The left lung shows opacity \($0 % 5)." }.joined(separator: "\n")
            let (file, out) = (try program.folder.write("text.txt", text), program.folder.appending("new/tokenizer"))
            let outcome = try await program.succeed(["tokenizer", "train", "--text", file, "--vocabulary", "300", "--out", out])
            #expect(outcome.errors.contains("300 tokens from 200 texts"), "\(outcome)")
            let json = try String(contentsOfFile: "\(out)/tokenizer.json", encoding: .utf8)
            #expect(json.contains("\"<|endoftext|>\": 0") && json.contains(": 299\n") && !json.contains(": 300"))
            #expect(FileManager.default.fileExists(atPath: "\(out)/tokenizer_config.json"))
            let all = try await program.succeed(["tokenizer", "train", "--text", file, "--vocabulary", "9000", "--out", out])
            #expect(all.errors.contains("fewer tokens than --vocabulary 9000"))
        }

        /// A LLaVA conversation file of some questions; the entries of `bad` are appended as they are.
        private func data(_ name: String, bad: [String] = []) throws -> String {
            let good = (0..<40).map { number in
                #"{"id": "\#(number)", "image": "a.png", "conversations": [{"from": "human", "value": "<image>\nIs finding \#(number % 7) present?"}, {"from": "gpt", "value": "yes"}]}"#
            }
            return try program.folder.write(name, "[\((good + bad).joined(separator: ",\n"))]")
        }

        @Test("conversations give the tokenizer that their texts give, with the words of the prompt")
        func conversationsGiveTheTokenizerOfTheirTexts() async throws {
            let (fromData, fromText) = (program.folder.appending("data"), program.folder.appending("text"))
            let outcome = try await program.succeed(["tokenizer", "train", "--data", try data("train.json"), "--vocabulary", "320", "--out", fromData])
            #expect(outcome.errors.contains("from 41 texts"), "\(outcome)")
            let system = "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions. USER: ASSISTANT:"
            let lines = (0..<40).map { "Is finding \($0 % 7) present? yes" } + [system]
            let text = try program.folder.write("same.txt", lines.joined(separator: "\n"))
            try await program.succeed(["tokenizer", "train", "--text", text, "--vocabulary", "320", "--out", fromText])
            #expect(FileManager.default.contentsEqual(atPath: "\(fromData)/tokenizer.json", andPath: "\(fromText)/tokenizer.json"))
        }

        @Test("a bad entry stops the training by name, or is left out and counted")
        func aBadEntryIsNamed() async throws {
            let out = program.folder.appending("tokenizer")
            let file = try data("bad.json", bad: [#"{"id": "x9", "image": "b.png", "conversations": []}"#, "7"])
            let arguments = ["tokenizer", "train", "--data", file, "--vocabulary", "300", "--out", out]
            expectRefusal(try await program.run(arguments), naming: "bad.json, entry 40", "x9", "1 more", "--skip-bad")
            #expect(!FileManager.default.fileExists(atPath: out))
            let outcome = try await program.succeed(arguments + ["--skip-bad"])
            #expect(outcome.errors.contains("2 of 42 entries left out") && outcome.errors.contains("from 41 texts"), "\(outcome)")
            expectRefusal(
                try await program.run(["tokenizer", "train", "--data", "/nonexistent.json", "--skip-bad", "--out", out]), naming: "/nonexistent.json")
        }

        @Test("impossible sizes and unreadable files are refused by name")
        func impossibleArgumentsAreRefused() async throws {
            let out = program.folder.appending("tokenizer")
            let file = try program.folder.write("text.txt", "one\ntwo\n")
            for size in ["256", "0", "2000000", "many"] {
                expectRefusal(
                    try await program.run(["tokenizer", "train", "--text", file, "--vocabulary", size, "--out", out]), naming: "--vocabulary", usage: true)
            }
            expectRefusal(try await program.run(["tokenizer", "train", "--out", out]), naming: "--data", "--text", usage: true)
            expectRefusal(try await program.run(["tokenizer", "train", "--text", "/nonexistent.txt", "--out", out]), naming: "/nonexistent.txt")
            let broken = program.folder.appending("broken.txt")
            try Data([0x61, 0x0A, 0xFF]).write(to: URL(filePath: broken))
            expectRefusal(try await program.run(["tokenizer", "train", "--text", broken, "--out", out]), naming: "broken.txt, line 2", "UTF-8")
            let empty = try program.folder.write("empty.txt", "\n\n")
            expectRefusal(try await program.run(["tokenizer", "train", "--text", empty, "--out", out]), naming: "no text")
            #expect(!FileManager.default.fileExists(atPath: out))
        }
    }
}
