import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe load --dispatch`: the load is the coordinator.
    @Suite struct LoadDispatch {
        struct Report: Decodable {
            struct Share: Decodable { var name: String; var rows: Int; var share: Double }
            struct Latency: Decodable { var count: Int; var p50, p99: Double }
            struct Run: Decodable {
                var rows, tiles, failed: Int
                var tiles_per_second, rows_per_second, gigabytes_per_second_there, compute_share: Double
                var tickets, compute: Latency
                var experts, workers: [Share]
                var counters: [String: Int]
            }
            var workers: Int
            var width: Int
            var runs: [Run]
        }

        private func start(_ program: Program, _ arguments: [String]) throws -> RunningProgram {
            let address = "ipc://\(program.folder.path)/e"
            for (name, experts) in [("left", "0,1"), ("right", "2,3")] {
                _ = try program.start([
                    "worker", "--model", Checkout.bundledModel, "--name", name, "--experts", experts, "--connect", address, "--threads", "1",
                ])
            }
            return try program.start(["load", "--dispatch", "--listen", address, "--model", Checkout.bundledModel, "--workers", "2"] + arguments)
        }

        @Test("two workers compute tiles of each size in a closed loop, with a table and plots")
        func closedLoop() async throws {
            let program = try Program()
            let plots = program.folder.appending("plots")
            let json = program.folder.appending("report.json")
            let outcome = try await start(program, [
                "--concurrency", "4", "--rows", "1,16", "--warm-up", "0.1", "--requests", "200", "--plot", plots, "--json", json,
            ]).outcome(within: .seconds(60))
            #expect(outcome.succeeded, "\(outcome)")
            for word in ["expert stage alone", "2 workers", "rows per tile", "GB/s there", "X-Ray", "left", "right", "tiles_sent"] {
                #expect(outcome.output.contains(word), "\(word) is not in \(outcome)")
            }
            let report = try JSONDecoder().decode(Report.self, from: Data(contentsOf: URL(filePath: json)))
            #expect(report.workers == 2 && report.runs.map(\.rows) == [1, 16])
            for run in report.runs {
                #expect(run.tiles == 200 && run.failed == 0 && run.experts.reduce(0) { $0 + $1.rows } == 200 * run.rows)
                #expect(run.experts.count == 4 && run.workers.count == 2 && run.compute.p50 > 0)
                #expect(run.tickets.p50 >= run.compute.p50 && run.compute_share > 0 && run.compute_share < 1)
            }
            for name in ["dispatch", "dispatch-latency", "experts"] { #expect(FileManager.default.fileExists(atPath: "\(plots)/\(name).svg")) }
        }

        @Test("an open loop with a hot expert sends it its share")
        func openLoop() async throws {
            let program = try Program()
            let outcome = try await start(program, [
                "--rate", "400", "--rows", "4", "--warm-up", "0", "--requests", "500", "--hot-expert", "X-Ray", "--hot-share", "0.8", "--json", "-",
            ]).outcome(within: .seconds(60))
            #expect(outcome.succeeded, "\(outcome)")
            let run = try #require(try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8)).runs.first)
            #expect(run.tiles == 500)
            let share = run.experts.first { $0.name == "X-Ray" }?.share ?? 0
            #expect(abs(share - 0.8) < 0.07)
        }

        @Test("experts that nobody brings are named")
        func missingExperts() async throws {
            let program = try Program()
            let outcome = try await program.run([
                "load", "--dispatch", "--listen", "ipc://\(program.folder.path)/e", "--model", Checkout.bundledModel, "--patience", "0.3",
            ])
            expectRefusal(outcome, naming: "no worker holds", "expert 3")
        }
    }

    @Suite struct LoadArguments {
        @Test("the help explains both kinds of load and every measure")
        func help() async throws {
            let help = try await Program().succeed(["load", "--help"]).output
            for word in [
                "USAGE: medmoe load", "Open loop", "Closed loop", "--rate", "--concurrency", "--coordinator", "--requests-file", "--ttft-limit", "TTFT", "TPOT",
                "ITL", "--dispatch", "--listen", "--rows", "--hot-expert", "--json", "--plot", "medmoe load --dispatch", "plot",
            ] { #expect(help.contains(word), "\(word) is not in:\n\(help)") }
            #expect(try await Program().succeed(["load", "plot", "--help"]).output.contains("latency-over-rate.svg"))
        }

        @Test("what cannot be meant is wrong usage that says what is expected", arguments: [
            (["--rate", "0"], "--rate"), (["--rate", "nan"], "--rate"), (["--rate=-1"], "--rate"), (["--rate", "1e300"], "--rate"),
            (["--concurrency", "0"], "--concurrency"), (["--concurrency", "1000000"], "--concurrency"), (["--rate", "1", "--concurrency", "1"], "either --rate"),
            (["--duration", "0"], "--duration"), (["--duration", "inf"], "--duration"), (["--warm-up=-1"], "--warm-up"), (["--requests", "0"], "--requests"),
            (["--deadline", "nan"], "--deadline"), (["--tokens", "0"], "--tokens"), (["--tokens", "9..3"], "--tokens"), (["--tokens", "1..2..3"], "--tokens"),
            (["--tokens", ".."], "--tokens"), (["--words", "x"], "--words"), (["--ttft-limit", "0"], "--ttft-limit"), (["--temperature", "inf"], "--temperature"),
            (["--modalities", "CT=-1"], "--modalities"), (["--modalities", "CT=0"], "--modalities"), (["--modalities", "CT,CT"], "--modalities"),
            (["--modalities", ""], "--modalities"), (["--rows", "3"], "--dispatch"), (["--dispatch"], "--listen"),
            (["--dispatch", "--listen", "ipc:///tmp/x"], "--model"), (["--dispatch", "--listen", "ipc:///tmp/x", "--model", "m", "--retry"], "questions"),
            (["--dispatch", "--listen", "ipc:///tmp/x", "--model", "m", "--rows", "0"], "--rows"),
            (["--dispatch", "--listen", "ipc:///tmp/x", "--model", "m", "--rows", "1,,2"], "--rows"),
            (["--dispatch", "--listen", "ipc:///tmp/x", "--model", "m", "--rows", "257"], "--rows"),
            (["--dispatch", "--listen", "ipc:///tmp/x", "--model", "m", "--hot-share", "0.5"], "--hot-expert"), (["plot"], "--table"),
        ])
        func wrongUsage(arguments: [String], word: String) async throws {
            expectRefusal(try await Program().run(["load"] + arguments, within: .seconds(20)), naming: word, usage: true)
        }

        @Test("files and folders that are not what they should be are named before anything is asked")
        func wrongFiles() async throws {
            let program = try Program()
            let nobody = ["load", "--coordinator", "ipc://\(program.folder.path)/nobody"]
            let empty = try program.folder.write("empty.jsonl", "\n")
            let text = try program.folder.write("text.jsonl", "hello\n")
            let missing = try program.folder.write("missing.jsonl", "{\"image\": \"gone.png\", \"question\": \"?\"}\n")
            for (arguments, word) in [
                (["--requests-file", empty], "empty.jsonl"), (["--requests-file", text], "line 1"), (["--requests-file", missing], "gone.png"),
                (["--requests-file", program.folder.appending("none")], "none"), (["--images", program.folder.appending("none")], "none"),
                (["--images", program.folder.path], "no .jpg"), (["--json", program.folder.appending("none/report.json")], "report.json"),
                (["--plot", empty], "empty.jsonl"), ([], "coordinator"),
            ] { expectRefusal(try await program.run(nobody + arguments, within: .seconds(20)), naming: word) }
            let listen = ["load", "--dispatch", "--listen", "ipc://\(program.folder.path)/e"]
            expectRefusal(try await program.run(listen + ["--model", "/nonexistent"]), naming: "/nonexistent")
            expectRefusal(
                try await program.run(listen + ["--model", Checkout.bundledModel, "--hot-expert", "Heart"]), naming: "Heart", "CT, MRI, X-Ray, Pathology")
        }
    }
}
