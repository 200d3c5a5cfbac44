import ClusterHarness
import Foundation
import Glibc
import Testing

extension Commands {
    /// `medmoe load` against a small real cluster.
    @Suite struct Load {
        /// What `--json` writes, as far as these tests look.
        struct Report: Decodable {
            struct Requests: Decodable { var measured, answered, failed, abandoned, warm_up: Int }
            struct Failure: Decodable { var kind: String; var count: Int; var example: String }
            struct Latency: Decodable { var count: Int; var mean, p50, p90, p99, most: Double }
            struct Latencies: Decodable { var ttft, tpot, itl, e2e, queue: Latency }
            struct Rates: Decodable { var arrivals, answers, output_tokens, prompt_tokens: Double }
            struct Goodput: Decodable { var share, per_second: Double }
            struct Share: Decodable { var name: String; var rows: Int; var share: Double }
            var requests: Requests
            var failures: [Failure]
            var latencies: Latencies
            var rates: Rates
            var goodput: Goodput
            var output_tokens: Int
            var experts, workers: [Share]
            var counters: [String: Int]
            var ended_early: Bool
        }

        private func cluster(_ program: Program, arguments: [String] = []) async throws -> ClusterUnderTest {
            let cluster = try await ClusterUnderTest(program, model: Checkout.bundledModel, arguments: arguments)
            _ = try cluster.startWorker("left", experts: "0,1")
            _ = try cluster.startWorker("right", experts: "2,3")
            try await cluster.waitUntilCovered(by: 2)
            return cluster
        }

        private func report(_ text: String) throws -> Report { try JSONDecoder().decode(Report.self, from: Data(text.utf8)) }

        @Test("an open loop measures what was asked, with a table, JSON and plots")
        func anOpenLoopMeasuresWhatWasAsked() async throws {
            let program = try Program()
            let cluster = try await cluster(program)
            let (json, plots) = (program.folder.appending("report.json"), program.folder.appending("plots/new"))
            let outcome = try await program.succeed([
                "load", "--coordinator", cluster.serving, "--rate", "12", "--warm-up", "0.5", "--requests", "24", "--tokens", "2..6",
                "--ttft-limit", "60000", "--json", json, "--plot", plots,
            ])
            for word in [
                "open loop, 12 requests/s", "24 made", "24 of them answered", "TTFT", "TPOT", "ITL", "end to end", "sent late", "goodput", "100.0 %",
                "X-Ray", "left", "right", "tiles_done", "output tokens/s", "per output token",
            ] { #expect(outcome.output.contains(word), "\(word) is not in \(outcome)") }
            #expect(!outcome.errors.contains("\u{1B}"), "no escape codes off a terminal")
            let report = try report(String(contentsOfFile: json, encoding: .utf8))
            #expect(report.requests.measured == 24 && report.requests.answered == 24 && report.failures.isEmpty)
            #expect(report.latencies.ttft.count == 24 && report.latencies.e2e.p50 >= report.latencies.ttft.p50)
            #expect(report.output_tokens >= 48 && report.output_tokens <= 24 * 6 + 60)
            #expect(report.experts.reduce(0) { $0 + $1.rows } > 24 && Set(report.workers.map(\.name)) == ["left", "right"])
            #expect(report.goodput.share == 1 && report.counters["tiles_done"] ?? 0 > 0)
            for name in ["throughput", "latency", "experts"] {
                let figure = try String(contentsOfFile: "\(plots)/\(name).svg", encoding: .utf8)
                #expect(figure.hasPrefix("<svg ") && figure.hasSuffix("</svg>\n"))
            }
        }

        @Test("a closed loop of a file's questions, over two coordinators in turn, prints JSON alone")
        func aClosedLoopOverTwoCoordinators() async throws {
            let program = try Program()
            let (one, other) = (try await cluster(program), try await cluster(program))
            let file = try program.folder.write("questions.jsonl", """
                {"id": "1", "image": "synpic17738.jpg", "question": "What organ system is being imaged?"}
                {"id": "2", "question": "What is a lung?"}
                """)
            let outcome = try await program.succeed([
                "load", "--coordinator", one.serving, "--coordinator", other.serving, "--concurrency", "4", "--requests", "20", "--warm-up", "0",
                "--requests-file", file, "--images", Checkout.root.appending(path: "cluster/images").path, "--json", "-", "--retry",
            ])
            let report = try report(outcome.output)
            #expect(report.requests.measured == 20 && report.requests.answered == 20)
            let rows = [try await one.status(), try await other.status()].map { $0.workers.reduce(0) { $0 + $1.rowsDone } }
            #expect(rows.allSatisfy { $0 > 0 }, "both had to do: \(rows)")
        }

        @Test("what a full coordinator refuses is counted by kind, and retried only on request")
        func refusalsAreCounted() async throws {
            let program = try Program()
            let cluster = try await cluster(program, arguments: ["--max-running", "1", "--max-waiting", "0"])
            let common = ["load", "--coordinator", cluster.serving, "--concurrency", "6", "--warm-up", "0", "--requests", "12", "--tokens", "60", "--json", "-"]
            let refused = try report(try await program.succeed(common).output)
            #expect(refused.failures.map(\.kind) == ["overloaded"] && refused.requests.failed > 0)
            #expect(refused.requests.answered + refused.requests.failed == 12)
            let retried = try report(try await program.succeed(common + ["--retry"]).output)
            #expect(retried.requests.answered == 12 && retried.failures.isEmpty)
        }

        @Test("Ctrl-C ends a load early, with a report of what was")
        func interruption() async throws {
            let program = try Program()
            let cluster = try await cluster(program)
            let running = try program.start([
                "load", "--coordinator", cluster.serving, "--concurrency", "2", "--warm-up", "0", "--duration", "1000", "--tokens", "4", "--json", "-",
            ])
            try await cluster.waitUntil("some work was done") { $0.counters["tiles_done"] ?? 0 > 100 }
            running.signal(SIGINT)
            let outcome = try await running.outcome(within: .seconds(20))
            #expect(outcome.end == .exited(0), "\(outcome)")
            let report = try report(outcome.output)
            #expect(report.ended_early && report.requests.answered > 0 && report.requests.failed == 0)
            try await cluster.waitUntil("nothing runs any more") { $0.runningRequests == 0 }
        }

        @Test("a load whose requests all fail says so and fails")
        func nothingAnswered() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: Checkout.bundledModel, arguments: ["--on-missing-expert", "fail"])
            let outcome = try await program.run([
                "load", "--coordinator", cluster.serving, "--concurrency", "1", "--requests", "2", "--warm-up", "0", "--tokens", "2", "--deadline", "5",
            ])
            #expect(outcome.end == .exited(1) && outcome.errors.contains("NOTHING WAS ANSWERED") && outcome.errors.contains("do not hold every expert"), "\(outcome)")
            #expect(outcome.output.contains("experts_lost"), "\(outcome)")
        }

        @Test("reports at several rates become one comparison with figures; other files are refused by name")
        func comparison() async throws {
            let program = try Program()
            let cluster = try await cluster(program)
            var files: [String] = []
            for pattern in [["--concurrency", "4"], ["--rate", "10"], ["--rate", "40"]] {
                files.append(program.folder.appending("load\(pattern[0])\(pattern[1]).json"))
                try await program.succeed(
                    ["load", "--coordinator", cluster.serving, "--warm-up", "0", "--requests", "15", "--tokens", "2..4", "--json", files[files.count - 1],
                     "--images", Checkout.root.appending(path: "cluster/images").path, "--modalities", "X-Ray=3,none=1", "--words", "4..8"] + pattern)
            }
            let plots = program.folder.appending("plots")
            let outcome = try await program.succeed(["load", "plot", "--out", plots] + files)
            for word in ["4 at a time", "10/s", "40/s", "TTFT p50 ms"] { #expect(outcome.output.contains(word), "\(outcome)") }
            for name in ["latency-over-rate", "goodput-over-rate"] {
                #expect(try String(contentsOfFile: "\(plots)/\(name).svg", encoding: .utf8).contains("saturation"))
            }
            let other = try program.folder.write("other.json", "{\"kind\": \"answers\"}")
            expectRefusal(try await program.run(["load", "plot", other]), naming: "other.json", "medmoe load --json")
            let huge = try program.folder.write("huge.tsv", "seconds a\n0 -1.7e308\n1 1.7e308\n")
            expectRefusal(try await program.run(["load", "plot", "--table", huge, "--out", plots]), naming: "1e100")
            let table = try program.folder.write("memory.tsv", "seconds coordinator worker-0\n0 10 20\n1 11 21\n")
            try await program.succeed(["load", "plot", "--table", table, "--out", plots, "--title", "Memory", "--y-label", "MiB"])
            #expect(try String(contentsOfFile: "\(plots)/memory.svg", encoding: .utf8).contains("worker-0"))
            let broken = try program.folder.write("broken.tsv", "seconds a\n0 10\n1 nan\n")
            expectRefusal(try await program.run(["load", "plot", "--table", broken, "--out", plots]), naming: "broken.tsv", "line 3")
        }
    }
}
