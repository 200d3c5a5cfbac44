import ClusterHarness
import Foundation
import Glibc
import Testing

extension Commands {
    /// `medmoe cluster status` and its shorthand.
    @Suite struct ClusterStatus {
        @Test("the status shows workers, experts and totals, as text and as JSON")
        func theStatusShowsWorkersExpertsAndTotalsAsText() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            _ = try cluster.startWorker("left", experts: "0,1")
            _ = try cluster.startWorker("right", experts: "2,3")
            try await cluster.waitUntilCovered(by: 2)
            try await program.succeed(cluster.askArguments(LongAnswer.briefly))
            let text = try await program.succeed(["cluster", "status", "--coordinator", cluster.serving])
            for word in ["left", "ready", "CT, MRI", "right", "X-Ray, Pathology", "requests: 0 running, 0 waiting", "model: "] {
                #expect(text.output.contains(word), "\(word) is not in \(text)")
            }
            let short = try await program.succeed(["status", "--coordinator", cluster.serving])
            #expect(short.outputLines.map { $0.prefix(12) } == text.outputLines.map { $0.prefix(12) })
            let json = try await program.succeed(["cluster", "status", "--json", "--coordinator", cluster.serving])
            let object = try #require(JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            #expect(object["covered"] as? Bool == true)
            #expect((object["requests"] as? [String: Int]) == ["running": 0, "waiting": 0])
            let workers = try #require(object["workers"] as? [[String: Any]])
            #expect(workers.map { $0["name"] as? String } == ["left", "right"])
            #expect(workers.map { $0["domains"] as? [String] } == [["CT", "MRI"], ["X-Ray", "Pathology"]])
            #expect(workers.allSatisfy { $0["state"] as? String == "ready" && ($0["rows_done"] as? Int ?? 0) > 0 })
            for key in ["experts", "counters", "waits_ms", "missing", "draining", "waiting_tiles", "model_digest", "workers_total"] {
                #expect(object[key] != nil, "\(key) is not in \(json)")
            }
        }

        @Test("watching repeats the status until Ctrl-C, and outlives the coordinator")
        func watchingRepeatsTheStatusUntilCtrlCAnd() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            let watching = try program.start(["cluster", "status", "--watch", "--coordinator", cluster.serving])
            func count(_ text: String) -> Int { watching.output.components(separatedBy: text).count - 1 }
            try await eventually(within: .seconds(10), "two blocks") { count("requests: 0 running") >= 2 }
            #expect(count("NOT COVERED") >= 2)
            #expect(!watching.output.contains("\u{1B}"), "no escape codes in a file")
            cluster.coordinator.kill()
            try await eventually(within: .seconds(15), "it says that nobody is there") { count("no coordinator answers") > 0 }
            watching.signal(SIGINT)
            let outcome = try await watching.outcome(within: .seconds(10))
            #expect(outcome.end == .exited(0) || outcome.end == .exited(130), "\(outcome)")
            #expect(outcome.errors.isEmpty, "\(outcome)")
        }
    }
}
