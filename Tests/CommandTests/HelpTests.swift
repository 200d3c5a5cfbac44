import ClusterHarness
import Testing

extension Commands {
    /// What a stranger reads first.
    @Suite struct Help {
        @Test("the first page names every command, shows how to start and says that it is for research only")
        func theFirstPageNamesEveryCommandShowsHowTo() async throws {
            let outcome = try await Program().succeed(["--help"])
            for word in [
                "FOR RESEARCH ONLY, NOT FOR CLINICAL USE", "ask", "classify", "coordinator", "worker", "status", "inspect", "shard", "trace", "bench",
                "medmoe ask --model DIR", "medmoe coordinator --model DIR --listen", "medmoe worker --model DIR --experts", "SLAKE",
            ] {
                #expect(outcome.output.contains(word), "\(word) is not in:\n\(outcome.output)")
            }
        }

        @Test("every command explains its options", arguments: [
            ("ask", ["--model", "--workers", "--coordinator", "--image", "--requests", "--show-routing", "--json", "--max-tokens", "--deadline", "RESEARCH ONLY", "medmoe ask --model"]),
            ("classify", ["--labels", "--per-token", "--question", "softmax", "RESEARCH ONLY", "medmoe classify"]),
            ("coordinator", ["--listen", "--serve", "tcp://HOST:PORT", "ipc://PATH", "RESEARCH ONLY"]),
            ("worker", ["--experts", "--connect", "--name", "domain", "medmoe worker"]),
            ("status", ["--coordinator"]), ("inspect", ["--json", "digest"]),
            ("shard", ["--experts", "--coordinator", "--out", "medmoe shard"]),
            ("bench batch", ["--model", "--workers", "--batch", "--lanes", "--repeat", "--json", "end token", "median"]),
            ("bench traffic", ["--model", "--workers", "--batch", "--prompt", "--json", "least"]),
            ("bench links", ["--model", "--workers", "--prompt", "--repeat", "--json", "plaintext"]),
            ("bench train", ["--model", "--batch", "--tokens", "--repeat", "--json", "of GEMM", "median"]),
            ("train experts", ["--workers", "--listen", "--replacement-timeout", "--key", "--top-k", "--dense"]),
            ("train encoder", ["--held-out", "--domains"]),
            ("trainer", ["--connect", "--name", "--threads", "--memory", "no model and no disk", "medmoe trainer --connect"]),
            ("tokenizer train", ["--data", "--text", "--skip-bad", "--vocabulary", "--out", "tokenizer.json", "257"]),
            ("plot", ["--out", "medmoe train", "JSON lines", "medmoe plot --out"]),
            ("trace", ["--prompt", "--out", "--json", "safetensors", "<image>"]),
        ])
        func everyCommandExplainsItsOptions(command: String, words: [String]) async throws {
            let outcome = try await Program().succeed(command.split(separator: " ").map(String.init) + ["--help"])
            for word in words + ["USAGE: medmoe \(command)"] {
                #expect(outcome.output.contains(word), "\(word) is not in:\n\(outcome.output)")
            }
            #expect(!outcome.output.contains("lifeline"))
        }

        @Test("no arguments or an unknown command lead to the help")
        func noArgumentsOrAnUnknownCommandLeadToThe() async throws {
            let program = try Program()
            #expect(try await program.run([]).output.contains("USAGE: medmoe"))
            let unknown = try await program.run(["diagnose"])
            guard case .exited(let status) = unknown.end, status != 0 else {
                Issue.record("\(unknown)")
                return
            }
            #expect(unknown.errors.contains("medmoe --help") || unknown.errors.contains("Usage: medmoe"), "\(unknown)")
        }
    }
}
