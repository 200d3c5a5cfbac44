import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// Addresses, experts and numbers that cannot be meant.
    @Suite struct BadArguments {
        private let program: Program
        private let model = Checkout.bundledModel

        init() throws { program = try Program() }

        @Test("impossible addresses are refused before anything is loaded")
        func impossibleAddressesAreRefusedBeforeAnythingIsLoaded() async throws {
            let long = "ipc://\(program.folder.path)/" + String(repeating: "x", count: 120)
            for (address, reason) in [
                ("coordinator", "tcp://host:port"), ("tcp://127.0.0.1", "port"), ("tcp://127.0.0.1:70000", "65535"),
                ("udp://127.0.0.1:7070", "tcp://"), ("ipc://", "path"), (long, "107"),
            ] {
                for arguments in [
                    ["worker", "--model", "/nonexistent", "--connect", address], ["coordinator", "--model", "/nonexistent", "--listen", address],
                    ["coordinator", "--model", "/nonexistent", "--listen", "ipc://\(program.folder.path)/w", "--serve", address],
                    ["ask", "--coordinator", address, "Is it?"], ["status", "--coordinator", address],
                ] {
                    expectRefusal(try await program.run(arguments, within: .seconds(20)), naming: reason)
                }
            }
        }

        @Test("an address in use is refused, and its holder goes on", arguments: [ClusterUnderTest.Transport.ipc, .tcp])
        func anAddressInUseIsRefusedAndItsHolder(transport: ClusterUnderTest.Transport) async throws {
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model, transport)
            for addresses in [
                ["--listen", cluster.listening, "--serve", "ipc://\(program.folder.path)/other"],
                ["--listen", "ipc://\(program.folder.path)/other", "--serve", cluster.serving],
            ] {
                let second = try await program.run(["coordinator", "--model", LongAnswer.model] + addresses, within: .seconds(30))
                guard case .exited(let status) = second.end, status != 0 else {
                    Issue.record("it started: \(second)")
                    continue
                }
                #expect(second.errors.contains("in use"), "\(second)")
            }
            let worker = try cluster.startWorker("all")
            try await cluster.waitUntilCovered(by: 1)
            worker.kill()
        }

        @Test("nobody at an address is said within seconds")
        func nobodyAtAnAddressIsSaidWithinSeconds() async throws {
            let runs = try [
                ["ask", "--coordinator", "ipc://\(program.folder.path)/nobody", "Is it?"],
                ["ask", "--coordinator", "tcp://127.0.0.1:1", "Is it?"], ["ask", "Is it?"],
                ["status", "--coordinator", "ipc://\(program.folder.path)/nobody"], ["status"],
            ].map(program.start)
            for run in runs { expectRefusal(try await run.outcome(within: .seconds(10)), naming: "coordinator") }
        }

        @Test("unknown experts are refused with those that are known")
        func unknownExpertsAreRefusedWithThoseThatAreKnown() async throws {
            for arguments in [
                ["worker", "--model", model, "--experts", "Heart", "--connect", "tcp://127.0.0.1:9"],
                ["shard", model, "--experts", "Heart", "--out", program.folder.appending("heart")],
            ] {
                expectRefusal(try await program.run(arguments, within: .seconds(20)), naming: "Heart", "CT, MRI, X-Ray, Pathology")
            }
            expectRefusal(
                try await program.run(["shard", model, "--experts", "0,4", "--out", program.folder.appending("four")]), naming: "\"4\"", "0 to 3")
            expectRefusal(
                try await program.run(["shard", model, "--experts", ",", "--out", program.folder.appending("none")]), naming: "no expert")
            #expect(!FileManager.default.fileExists(atPath: program.folder.appending("heart")))
        }

        @Test("impossible options of ask are refused with the option's name", arguments: [
            (["--workers", "0"], "--workers is 0"), (["--workers", "many"], "--workers"), (["--workers", "2", "--worker-model", "a"], "--worker-model"),
            (["--temperature=-1"], "--temperature is -1"), (["--temperature", "nan"], "--temperature"), (["--top-p", "0"], "--top-p is 0"),
            (["--top-p", "1.5"], "--top-p is 1.5"), (["--top-k=-1"], "--top-k is -1"), (["--seed=-1"], "--seed"), (["--max-tokens", "0"], "--max-tokens is 0"),
            (["--deadline", "0"], "--deadline is 0"), (["--deadline", "inf"], "--deadline is inf"), (["--threads", "0"], "--threads is 0"),
            (["--gemm", "cuda"], "--gemm"), (["--coordinator", "tcp://127.0.0.1:1"], "either --model DIR or --coordinator"),
            (["--requests", "x.jsonl"], "Give a question, or --requests"), (["--limit", "3"], "--requests"), (["--unknown"], "--unknown"),
        ])
        func impossibleOptionsOfAskAreRefusedWithTheOptions(arguments: [String], part: String) async throws {
            expectRefusal(try await program.run(["ask", "--model", model, "Is it?"] + arguments), naming: part, usage: true)
        }

        @Test("labels must be two different ones, and trace must be able to write")
        func labelsMustBeTwoDifferentOnesAndTraceMust() async throws {
            for labels in ["chest", "chest,chest", "chest,", ""] {
                expectRefusal(
                    try await program.run(["classify", "--model", model, "--image", Checkout.chest, "--labels", labels]), naming: "--labels", usage: true)
            }
            let outcome = try await program.run(
                ["trace", "--model", LongAnswer.model, "--prompt", "hello", "--out", "/nonexistent/trace.safetensors"])
            expectRefusal(outcome, naming: "/nonexistent")
        }
    }
}
