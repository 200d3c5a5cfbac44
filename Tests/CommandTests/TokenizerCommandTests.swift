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

        @Test("impossible sizes and unreadable files are refused by name")
        func impossibleArgumentsAreRefused() async throws {
            let out = program.folder.appending("tokenizer")
            let file = try program.folder.write("text.txt", "one\ntwo\n")
            for size in ["256", "0", "2000000", "many"] {
                expectRefusal(
                    try await program.run(["tokenizer", "train", "--text", file, "--vocabulary", size, "--out", out]), naming: "--vocabulary", usage: true)
            }
            expectRefusal(try await program.run(["tokenizer", "train", "--out", out]), naming: "--text", usage: true)
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
