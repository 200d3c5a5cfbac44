import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// Several coordinators that share one set of workers.
    @Suite struct SharedWorkers {
        @Test("two coordinators share two workers; each gets its answers, and one goes on when the other is killed")
        func twoCoordinatorsShareTwoWorkers() async throws {
            let program = try Program()
            let lines = (0..<12).map { "{\"id\": \"\($0)\", \"image\": \"\(Checkout.chest)\", \"question\": \"What is number \($0)?\"}" }
            let file = try program.folder.write("questions.jsonl", lines.joined(separator: "\n"))
            let request = ["--requests", file, "--max-tokens", "40", "--temperature", "8", "--seed", "1"]
            let alone = try await program.succeed(["ask", "--model", LongAnswer.model] + request).answers()
            let first = try await ClusterUnderTest(program, model: LongAnswer.model)
            let second = try await ClusterUnderTest(program, model: LongAnswer.model)
            let workers = try ["a", "b"].map { name in
                try program.start([
                    "worker", "--model", LongAnswer.model, "--name", name, "--threads", "1", "--connect", first.listening,
                    "--connect", second.listening,
                ])
            }
            for cluster in [first, second] { try await cluster.waitUntilCovered(by: 2) }
            let asking = try [first, second].map { try program.start(["ask", "--coordinator", $0.serving] + request) }
            for running in asking {
                let outcome = try await running.outcome(within: .seconds(60))
                #expect(outcome.succeeded, "\(outcome)")
                #expect(try outcome.answers().map(\.token_ids) == alone.map(\.token_ids))
            }
            // Both workers worked for both.
            for cluster in [first, second] { #expect(try await cluster.status().workers.allSatisfy { $0.rowsDone > 0 }) }
            let last = try program.start(["ask", "--coordinator", second.serving] + request)
            try await eventually(within: .seconds(30), "the first answers") { last.output.contains("\n") }
            first.coordinator.kill()
            let outcome = try await last.outcome(within: .seconds(60))
            #expect(outcome.succeeded, "\(outcome)")
            #expect(try outcome.answers().map(\.token_ids) == alone.map(\.token_ids))
            #expect(workers.allSatisfy { $0.end == nil })
        }
    }

    /// `--on-missing-expert`.
    @Suite struct MissingExpertPolicies {
        private static let question = ["--image", Checkout.chest, "What organ system is being imaged?"]

        private func cluster(_ program: Program, policy: String) async throws -> ClusterUnderTest {
            let cluster = try await ClusterUnderTest(
                program, model: Checkout.bundledModel,
                arguments: ["--on-missing-expert", policy, "--missing-expert-patience", "0.1"])
            _ = try cluster.startWorker("half", experts: "0,1")
            try await cluster.waitUntil("the worker is there") { $0.workers.count == 1 && !$0.covered }
            return cluster
        }

        @Test("fail: the request ends at once, naming the experts")
        func failEndsTheRequestAtOnce() async throws {
            let program = try Program()
            let cluster = try await cluster(program, policy: "fail")
            let outcome = try await program.run(cluster.askArguments(["--deadline", "300"] + Self.question), within: .seconds(20))
            expectRefusal(outcome, naming: "no worker holds expert")
        }

        @Test("meta-only: the meta expert answers, every output says so, and nothing is marked once the expert is back")
        func metaOnlyMarksTheAnswer() async throws {
            let program = try Program()
            let cluster = try await cluster(program, policy: "meta-only")
            let text = try await program.succeed(["ask", "--coordinator", cluster.serving] + Self.question)
            #expect(text.errors.contains("degraded"), "\(text)")
            #expect(try await program.succeed(cluster.askArguments(Self.question)).answer().degraded == true)
            let classify = ["classify", "--coordinator", cluster.serving, "--labels", "ct,x-ray", "--question", "What modality is used to take this image?", "--image", Checkout.chest]
            let classified = try await program.succeed(classify)
            #expect((classified.output + classified.errors).contains("degraded"), "\(classified)")
            #expect(try await program.succeed(classify + ["--json"]).answer().degraded == true)
            let file = try program.folder.write(
                "questions.jsonl", "{\"id\": \"1\", \"image\": \"\(Checkout.chest)\", \"question\": \"What organ system is being imaged?\"}")
            #expect(try await program.succeed(["ask", "--coordinator", cluster.serving, "--requests", file]).answer().degraded == true)
            _ = try cluster.startWorker("rest", experts: "2,3")
            try await cluster.waitUntilCovered(by: 2)
            let whole = try await program.succeed(cluster.askArguments(Self.question)).answer()
            #expect(whole.degraded == false && whole.answer == "chest")
        }
    }
}
