import Cluster
import ClusterHarness
import Foundation
import ModelFixtures
import Testing

extension Commands {
    /// Workers that are killed while they are needed.
    @Suite struct WorkerLoss {
        @Test("killing one of two replicas in the middle of an answer changes no token", arguments: [ClusterUnderTest.Transport.ipc, .tcp])
        func killingOneOfTwoReplicasInTheMiddleOf(transport: ClusterUnderTest.Transport) async throws {
            let program = try Program()
            let alone = try await program.succeed(["ask", "--json", "--model", LongAnswer.model] + LongAnswer.question).answer()
            #expect(alone.token_ids?.count == LongAnswer.tokens)
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model, transport)
            let victim = try cluster.startWorker("victim")
            let survivor = try cluster.startWorker("survivor")
            try await cluster.waitUntilCovered(by: 2)
            let asking = try program.start(cluster.askArguments(LongAnswer.question))
            try await eventually(within: .seconds(20), every: .milliseconds(5), "the victim computes") {
                try await cluster.status().workers.contains { $0.name == "victim" && $0.tilesDone >= 20 }
            }
            victim.kill()
            #expect(asking.end == nil, "the answer was over before the kill: this shows nothing")
            let answer = try await asking.outcome(within: .seconds(60))
            #expect(answer.succeeded, "\(answer)")
            #expect(try answer.answer().token_ids == alone.token_ids)
            try await cluster.waitUntil("the victim is gone") { $0.workers.map(\.name) == ["survivor"] && $0.covered }
            #expect(survivor.end == nil && cluster.coordinator.end == nil)
        }

        @Test("killing a replica under many questions changes no token of any")
        func killingAReplicaUnderManyQuestionsChangesNoToken() async throws {
            let program = try Program()
            let lines = (0..<24).map { "{\"id\": \"\($0)\", \"image\": \"\(Checkout.chest)\", \"question\": \"What is number \($0)?\"}" }
            let file = try program.folder.write("questions.jsonl", lines.joined(separator: "\n"))
            let request = ["--requests", file, "--max-tokens", "30", "--temperature", "8", "--seed", "1"]
            let alone = try await program.succeed(["ask", "--model", LongAnswer.model] + request).answers()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            let victim = try cluster.startWorker("victim")
            let survivor = try cluster.startWorker("survivor")
            try await cluster.waitUntilCovered(by: 2)
            let asking = try program.start(["ask", "--coordinator", cluster.serving] + request)
            try await eventually(within: .seconds(30), "the first answers") { asking.output.contains("\n") }
            victim.kill()
            #expect(asking.end == nil, "the answers were there before the kill: this shows nothing")
            let outcome = try await asking.outcome(within: .seconds(60))
            #expect(outcome.succeeded, "\(outcome)")
            #expect(try outcome.answers().map(\.token_ids) == alone.map(\.token_ids))
            #expect(survivor.end == nil)
        }

        @Test("without a replica a request fails at its deadline, naming the experts, and the next works when they are back")
        func withoutAReplicaARequestFailsAtItsDeadline() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            let stays = try cluster.startWorker("stays", experts: "0,2")
            let lost = try cluster.startWorker("lost", experts: "1,3")
            try await cluster.waitUntilCovered(by: 2)
            let expected = try await program.succeed(cluster.askArguments(LongAnswer.briefly)).answer()
            let asking = try program.start(cluster.askArguments(["--deadline", "3"] + LongAnswer.question))
            try await cluster.waitUntil("the answer has begun") { $0.runningRequests == 1 }
            lost.kill()
            let refused = try await asking.outcome(within: .seconds(8))
            // In the middle of an answer one token waits, for one of the two; whoever restarts workers has to know of both.
            expectRefusal(refused, naming: "no worker holds expert 1 (layers 0, 2, 4), expert 3 (layers 0, 2, 4)", "start a worker")
            #expect(!refused.errors.contains("expert 0") && !refused.errors.contains("expert 2"), "\(refused)")
            let status = try await program.succeed(["status", "--coordinator", cluster.serving])
            #expect(status.output.contains("NOT COVERED: no worker holds expert 1"), "\(status)")
            // A request that comes meanwhile ends the same way.
            let another = try await program.run(cluster.askArguments(["--deadline", "2"] + LongAnswer.briefly), within: .seconds(8))
            expectRefusal(another, naming: "no worker holds expert 1", "expert 3")
            let back = try cluster.startWorker("back", experts: "1,3")
            try await cluster.waitUntilCovered(by: 2)
            let again = try await program.succeed(cluster.askArguments(LongAnswer.briefly)).answer()
            #expect(again.token_ids == expected.token_ids)
            #expect(stays.end == nil && back.end == nil)
        }

        @Test("a worker of another checkpoint is refused with a reason, and the others are served")
        func aWorkerOfAnotherCheckpointIsRefusedWithA() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: Checkout.bundledModel)
            let other = try await cluster.startWorker("other", model: ModelFixture.phi.checkpoint.path).outcome(within: .seconds(20))
            guard case .exited(let status) = other.end, status != 0 else {
                Issue.record("it was taken: \(other)")
                return
            }
            let reasons = other.errorLines.filter { $0.hasPrefix("Error: ") }
            #expect(reasons.count == 1 && reasons[0].contains("refused"), "\(other)")
            #expect(cluster.coordinator.errors.contains("other"), "\(cluster.coordinator.errors)")
            let worker = try cluster.startWorker("right")
            try await cluster.waitUntilCovered(by: 1)
            let answer = try await program.succeed(
                cluster.askArguments(["--image", Checkout.chest, "What organ system is being imaged?"])
            ).answer()
            #expect(answer.answer == "chest")
            #expect(worker.end == nil)
        }

        @Test("a worker with changed weights of the same shapes is refused too")
        func aWorkerWithChangedWeightsOfTheSameShapes() async throws {
            let program = try Program()
            let changed = try CheckpointCopy(of: .stableLMTop2, in: program.folder.appending("changed"))
            try changed.edit { header, data in
                let name = try #require(header.keys.first { $0.contains("deepspeed_experts.1") })
                let offsets = try #require((header[name] as? [String: Any])?["data_offsets"] as? [Int])
                data[offsets[0]] ^= 1
            }
            let cluster = try await ClusterUnderTest(program, model: ModelFixture.stableLMTop2.checkpoint.path)
            let outcome = try await cluster.startWorker("changed", model: changed.path).outcome(within: .seconds(20))
            #expect(outcome.end != .exited(0))
            #expect(outcome.errors.contains("digest"), "\(outcome)")
            #expect(try await cluster.status().workers.isEmpty)
        }
    }
}
