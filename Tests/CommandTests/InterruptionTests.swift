import ClusterHarness
import Foundation
import Glibc
import Testing

extension Commands {
    /// What stays behind when somebody is stopped or killed.
    @Suite struct Interruption {
        @Test("killing an ask with local workers leaves no process and no socket")
        func killingAnAskWithLocalWorkersLeavesNoProcess() async throws {
            let program = try Program()
            let runtime = program.folder.appending("medmoe")
            let asking = try program.start(
                ["ask", "--model", LongAnswer.model, "--workers", "2"] + LongAnswer.question)
            try await eventually(within: .seconds(30), every: .milliseconds(2), "the answer begins") { !asking.output.isEmpty }
            #expect(workerProcesses(using: runtime).count == 2)
            #expect(try !FileManager.default.contentsOfDirectory(atPath: runtime).isEmpty)
            asking.kill()
            try await eventually(within: .seconds(5), "the workers end") { workerProcesses(using: runtime).isEmpty }
            try await eventually(within: .seconds(5), "the sockets are gone") {
                try FileManager.default.contentsOfDirectory(atPath: runtime).isEmpty
            }
        }

        @Test("a signal ends an ask with local workers in order", arguments: [SIGINT, SIGTERM])
        func aSignalEndsAnAskWithLocalWorkersIn(number: Int32) async throws {
            let program = try Program()
            let runtime = program.folder.appending("medmoe")
            let asking = try program.start(
                ["ask", "--model", LongAnswer.model, "--workers", "2"] + LongAnswer.question)
            try await eventually(within: .seconds(30), every: .milliseconds(2), "the answer begins") { !asking.output.isEmpty }
            asking.signal(number)
            let outcome = try await asking.outcome(within: .seconds(5))
            #expect(outcome.end == .exited(128 + number), "\(outcome)")
            #expect(!outcome.errors.contains("Error"), "\(outcome)")
            try await eventually(within: .seconds(5), "nothing stays") {
                try workerProcesses(using: runtime).isEmpty && FileManager.default.contentsOfDirectory(atPath: runtime).isEmpty
            }
        }

        /// Ids of the worker processes whose socket lies below `folder`.
        private func workerProcesses(using folder: String) -> [Int32] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return names.compactMap { Int32($0) }.filter { identifier in
                let line = FileManager.default.contents(atPath: "/proc/\(identifier)/cmdline") ?? Data()
                let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                return words.dropFirst().first == "worker" && words.contains { $0.contains(folder) }
            }
        }

        @Test("a client that stops in the middle of an answer frees its request", arguments: [SIGINT, SIGTERM, SIGKILL])
        func aClientThatStopsInTheMiddleOfAn(number: Int32) async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            let worker = try cluster.startWorker("all")
            try await cluster.waitUntilCovered(by: 1)
            let asking = try program.start(["ask", "--coordinator", cluster.serving] + LongAnswer.question)
            try await eventually(within: .seconds(30), every: .milliseconds(2), "the answer begins") { !asking.output.isEmpty }
            // The worker holds its breath: this request cannot end by itself.
            worker.signal(SIGSTOP)
            #expect(try await cluster.status().runningRequests == 1)
            asking.signal(number)
            let outcome = try await asking.outcome(within: .seconds(5))
            #expect(outcome.end == (number == SIGKILL ? .signalled(SIGKILL) : .exited(128 + number)), "\(outcome)")
            worker.signal(SIGCONT)
            try await cluster.waitUntil("the request is gone", within: .seconds(6)) { $0.runningRequests == 0 && $0.waitingRequests == 0 }
            let log = cluster.coordinator.errors
            #expect(cluster.coordinator.end == nil, "\(log)")
            try await cluster.waitUntilCovered(by: 1)
            let next = try await program.succeed(cluster.askArguments(LongAnswer.briefly)).answer()
            #expect(next.token_ids?.count == 3)
        }

        @Test("an interrupted file of questions prints no errors for those that were not asked")
        func anInterruptedFileOfQuestionsPrintsNoErrorsFor() async throws {
            let program = try Program()
            let lines = (0..<200).map { "{\"id\": \"\($0)\", \"question\": \"What is number \($0)?\"}" }
            let file = try program.folder.write("questions.jsonl", lines.joined(separator: "\n"))
            let asking = try program.start(["ask", "--model", LongAnswer.model, "--requests", file, "--max-tokens", "100", "--temperature", "8"])
            try await eventually(within: .seconds(30), "the first answers") { asking.output.contains("\n") }
            asking.signal(SIGINT)
            let outcome = try await asking.outcome(within: .seconds(5))
            #expect(outcome.end == .exited(130), "\(outcome)")
            #expect(try outcome.answers().allSatisfy { $0.error == nil && $0.answer != nil })
        }

        @Test("a signal ends a coordinator and its worker cleanly and removes the sockets", arguments: [SIGINT, SIGTERM])
        func aSignalEndsACoordinatorAndItsWorkerCleanly(number: Int32) async throws {
            let program = try Program()
            // With no time to finish: what it does with time, the drain tests say.
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model, arguments: ["--drain-timeout", "0"])
            let worker = try cluster.startWorker("all")
            try await cluster.waitUntilCovered(by: 1)
            let sockets = [cluster.listening, cluster.serving].map { String($0.dropFirst("ipc://".count)) }
            #expect(sockets.allSatisfy { FileManager.default.fileExists(atPath: $0) })
            let asking = try program.start(cluster.askArguments(["--no-retry"] + LongAnswer.question))
            try await cluster.waitUntil("the answer has begun") { $0.runningRequests == 1 }
            cluster.coordinator.signal(number)
            let ended = try await cluster.coordinator.outcome(within: .seconds(10))
            #expect(ended.end == .exited(0), "\(ended)")
            #expect(sockets.allSatisfy { !FileManager.default.fileExists(atPath: $0) })
            expectRefusal(try await asking.outcome(within: .seconds(10)), naming: "shutting down")
            // It waits for the coordinator to come back.
            #expect(worker.end == nil)
            worker.signal(number)
            #expect(try await worker.outcome(within: .seconds(10)).end == .exited(0))
        }
    }
}
