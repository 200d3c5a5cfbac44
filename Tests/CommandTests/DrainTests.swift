import ClusterHarness
import Foundation
import Glibc
import Testing

extension Commands {
    /// Who is asked to stop finishes what others wait for.
    @Suite struct Drain {
        @Test("a coordinator that is asked to stop finishes its answer, refuses new questions and ends")
        func aCoordinatorThatIsAskedToStopFinishes() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            let worker = try cluster.startWorker("all")
            try await cluster.waitUntilCovered(by: 1)
            let asking = try program.start(["ask", "--coordinator", cluster.serving, "--no-retry"] + LongAnswer.question)
            try await eventually(within: .seconds(30), every: .milliseconds(2), "the answer begins") { !asking.output.isEmpty }
            // The answer cannot end before the second question was refused.
            worker.signal(SIGSTOP)
            cluster.coordinator.signal(SIGTERM)
            try await cluster.waitUntil("it drains") { $0.draining && $0.runningRequests == 1 }
            let late = try await program.run(cluster.askArguments(["--no-retry"] + LongAnswer.briefly), within: .seconds(10))
            expectRefusal(late, naming: "shutting down")
            #expect(asking.end == nil)
            worker.signal(SIGCONT)
            let outcome = try await asking.outcome(within: .seconds(30))
            #expect(outcome.succeeded, "\(outcome)")
            #expect(try await cluster.coordinator.outcome(within: .seconds(10)).end == .exited(0))
            worker.signal(SIGTERM)
            #expect(try await worker.outcome(within: .seconds(10)).end == .exited(0))
        }

        @Test("a worker that is asked to stop under load loses no request")
        func aWorkerThatIsAskedToStopUnderLoad() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            let leaving = try cluster.startWorker("leaving")
            _ = try cluster.startWorker("stays")
            try await cluster.waitUntilCovered(by: 2)
            let asking = try program.start(cluster.askArguments(["--no-retry"] + LongAnswer.question))
            try await cluster.waitUntil("it computes") { $0.workers.contains { $0.name == "leaving" && $0.tilesDone >= 20 } }
            leaving.signal(SIGTERM)
            #expect(try await leaving.outcome(within: .seconds(10)).end == .exited(0))
            #expect(asking.end == nil, "the answer was over before: this shows nothing")
            let outcome = try await asking.outcome(within: .seconds(60))
            #expect(outcome.succeeded, "\(outcome)")
            #expect(leaving.errors.contains("leaving"), "\(leaving.errors)")
        }

        @Test("a coordinator that is killed and started again costs nobody a request")
        func aCoordinatorThatIsKilledAndStartedAgain() async throws {
            let program = try Program()
            let alone = try await program.succeed(["ask", "--json", "--model", LongAnswer.model] + LongAnswer.question).answer()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            let worker = try cluster.startWorker("all")
            try await cluster.waitUntilCovered(by: 1)
            let asking = try program.start(cluster.askArguments(["--token-times"] + LongAnswer.question))
            try await cluster.waitUntil("the answer has begun") { $0.runningRequests == 1 && ($0.workers.first?.tilesDone ?? 0) >= 20 }
            worker.signal(SIGSTOP)
            cluster.coordinator.kill()
            worker.signal(SIGCONT)
            #expect(asking.end == nil)
            let second = try await cluster.restartCoordinator()
            // The worker finds it by itself.
            try await cluster.waitUntil("the worker is back", within: .seconds(5)) { $0.covered }
            let outcome = try await asking.outcome(within: .seconds(60))
            #expect(outcome.succeeded, "\(outcome)")
            let answer = try outcome.answer()
            #expect(answer.token_ids == alone.token_ids)
            let times = try #require(answer.token_times_ms)
            #expect(times.count == LongAnswer.tokens && times == times.sorted())
            #expect(worker.end == nil && second.end == nil)
        }
    }
}
